/* What libjpeg-turbo alone takes: a JPEG in memory to RGB at a scale, and nothing else. Built and called by preprocess.py. */

#include <stdio.h>

#include <jpeglib.h>

/* Returns the number of bytes written to out, which is as large as the scaled picture. */
long decode(const unsigned char *bytes, unsigned long size, unsigned scale_eighths, unsigned char *out) {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    long written = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, bytes, size);
    jpeg_read_header(&info, TRUE);
    info.scale_num = scale_eighths;
    info.scale_denom = 8;
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
        JSAMPROW rows[16];
        unsigned count = 0;
        for (; count < 16 && info.output_scanline + count < info.output_height; ++count) {
            rows[count] = out + (unsigned long)(info.output_scanline + count) * info.output_width * 3;
        }
        jpeg_read_scanlines(&info, rows, count);
    }
    written = (long)info.output_height * info.output_width * 3;
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return written;
}
