#pragma once

#include <cstdio>  // jpeglib.h needs FILE and size_t

#include <jpeglib.h>

#include <csetjmp>

#include "saccade/error.hpp"
#include "saccade/image.hpp"
#include "saccade/resize.hpp"
#include "scaled.hpp"

namespace saccade {

/// One JPEG file: the constructor reads its header, read() its pixels.
class JpegReader {
  public:
    /// bytes must outlive the reader. Raises Error.
    JpegReader(Bytes bytes, const Limits& limits);
    ~JpegReader();
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;

    /// As stored, before orientation.
    [[nodiscard]] Size size() const;
    [[nodiscard]] int orientation() const;

    /// Chooses the smallest of the scales 1/8, 1/4, 1/2, 1 that is at least this; call once, before read().
    Scaled scale_to(double least_scale);
    /// Decodes the needed part of the scaled picture and what the format makes cheaper to decode than to leave out;
    /// call once. The pixels are those of a whole decode.
    Crop read(const Crop& needed, Image& out);

  private:
    template <typename Step>
    void guarded(Step step);
    [[nodiscard]] Error failure() const;
    void read_header();
    [[nodiscard]] bool can_crop() const;
    [[nodiscard]] Crop widened(const Crop& needed) const;
    void start(Crop& region);
    void read_rgb(Image& out);
    void read_cmyk(Image& out);
    void finish();
    void skip_rest();

    static void on_error(j_common_ptr info);
    static void on_message(j_common_ptr info, int level);
    static boolean on_end_of_bytes(j_decompress_ptr info);
    static void on_skip(j_decompress_ptr info, long bytes);
    static void on_progress(j_common_ptr info);

    Bytes bytes_;
    Limits limits_;
    jpeg_decompress_struct info_{};
    jpeg_error_mgr errors_{};
    jpeg_source_mgr source_{};
    jpeg_progress_mgr progress_{};
    std::jmp_buf jump_{};
    int orientation_ = 1;
    bool is_header_read_ = false;  // from here on, a missing end marker alone does no harm
    bool has_ended_ = false;       // the decoder asked for more bytes than there are
    bool has_too_many_scans_ = false;
};

}  // namespace saccade
