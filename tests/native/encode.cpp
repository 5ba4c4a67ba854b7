#include "encode.hpp"

#include <cstdio>  // jpeglib.h needs FILE and size_t

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <random>

namespace saccade::test {

namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

void set_colours(jpeg_compress_struct& info, const JpegOptions& options) {
    info.input_components = options.is_cmyk ? 4 : options.is_grey ? 1 : 3;
    info.in_color_space = options.is_cmyk ? JCS_CMYK : options.is_grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    info.comp_info[0].h_samp_factor = options.luma_sampling.width;
    info.comp_info[0].v_samp_factor = options.luma_sampling.height;
}

std::vector<std::uint8_t> jpeg_samples(const std::uint8_t* row, int width, const JpegOptions& options) {
    const auto pixels = static_cast<std::size_t>(width);
    if (!options.is_grey && !options.is_cmyk) return {row, row + pixels * kChannels};
    std::vector<std::uint8_t> samples;
    for (std::size_t x = 0; x < pixels; ++x) samples.insert(samples.end(), options.is_cmyk ? 4 : 1, row[x * kChannels]);
    return samples;
}

std::vector<std::uint8_t> png_samples(const std::uint8_t* row, int width, const PngOptions& options) {
    std::vector<std::uint8_t> samples;
    const auto add = [&samples, &options](std::uint8_t level) {
        samples.push_back(level);
        if (options.bit_depth == 16) samples.push_back(static_cast<std::uint8_t>(~level));
    };
    const bool has_colour =
        (options.color_type & PNG_COLOR_MASK_COLOR) != 0 && options.color_type != PNG_COLOR_TYPE_PALETTE;
    for (int x = 0; x < width; ++x, row += kChannels) {
        add(row[0]);
        if (has_colour) add(row[1]);
        if (has_colour) add(row[2]);
        if ((options.color_type & PNG_COLOR_MASK_ALPHA) != 0) add(static_cast<std::uint8_t>(x));
    }
    return samples;
}

void write_palette(png_structp png, png_infop info) {
    std::array<png_color, 256> ramp;
    for (std::size_t i = 0; i < ramp.size(); ++i) {
        const auto level = static_cast<png_byte>(i);
        ramp[i] = {level, level, static_cast<png_byte>(255 - level)};
    }
    png_set_PLTE(png, info, ramp.data(), static_cast<int>(ramp.size()));
    const std::array<png_byte, 3> transparency{0, 128, 255};
    png_set_tRNS(png, info, transparency.data(), static_cast<int>(transparency.size()), nullptr);
}

}  // namespace

Image noise(Size size, unsigned seed) {
    Image image(size);
    std::mt19937 generator(seed);
    std::ranges::generate(image.data(), [&generator] { return static_cast<std::uint8_t>(generator() >> 24U); });
    return image;
}

Image gradient(Size size) {
    Image image(size);
    for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < size.width; ++x) {
            std::uint8_t* pixel = image.row(y) + static_cast<std::size_t>(x) * kChannels;
            pixel[0] = static_cast<std::uint8_t>(255 * x / size.width);
            pixel[1] = static_cast<std::uint8_t>(255 * y / size.height);
            pixel[2] = static_cast<std::uint8_t>(100 + 100 * (x + y) / (size.width + size.height));
        }
    }
    return image;
}

File encode_jpeg(const Image& image, const JpegOptions& options) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long bytes = 0;
    jpeg_mem_dest(&info, &memory, &bytes);
    info.image_height = static_cast<JDIMENSION>(image.size().height);
    info.image_width = static_cast<JDIMENSION>(image.size().width);
    set_colours(info, options);
    jpeg_set_quality(&info, options.quality, TRUE);
    info.arith_code = options.is_arithmetic ? TRUE : FALSE;
    info.restart_interval = options.restart_interval;
    if (options.is_progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    if (!options.exif.empty()) {
        jpeg_write_marker(&info, JPEG_APP0 + 1, options.exif.data(), static_cast<unsigned>(options.exif.size()));
    }
    for (int y = 0; y < image.size().height; ++y) {
        std::vector<std::uint8_t> samples = jpeg_samples(image.view().row(y), image.size().width, options);
        JSAMPROW row = samples.data();
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    const std::unique_ptr<unsigned char, Free> owner(memory);
    return {memory, memory + bytes};
}

File encode_png(const Image& image, const PngOptions& options) {
    File file;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(
        png, &file,
        [](png_structp writer, png_bytep bytes, std::size_t count) {
            auto* target = static_cast<File*>(png_get_io_ptr(writer));
            target->insert(target->end(), bytes, bytes + count);
        },
        nullptr);
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.size().width), static_cast<png_uint_32>(image.size().height),
                 options.bit_depth, options.color_type,
                 options.is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (options.color_type == PNG_COLOR_TYPE_PALETTE) write_palette(png, info);
    File exif = options.exif;
    if (!exif.empty()) png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), exif.data());
    std::vector<std::vector<std::uint8_t>> samples;
    std::vector<png_bytep> rows;
    for (int y = 0; y < image.size().height; ++y) {
        samples.push_back(png_samples(image.view().row(y), image.size().width, options));
        rows.push_back(samples.back().data());
    }
    png_set_rows(png, info, rows.data());
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
    png_destroy_write_struct(&png, &info);
    return file;
}

File encode_webp(const Image& image) {
    std::uint8_t* memory = nullptr;
    const std::size_t bytes = WebPEncodeLosslessRGB(image.data().data(), image.size().width, image.size().height,
                                                    image.size().width * static_cast<int>(kChannels), &memory);
    const std::unique_ptr<std::uint8_t, decltype(&WebPFree)> owner(memory, &WebPFree);
    return {memory, memory + bytes};
}

File exif_with_orientation(std::uint8_t orientation) {
    return {'E',  'x',  'i', 'f', 0, 0, 'I', 'I', 42,          0, 8, 0, 0, 0,  // little-endian, directory at 8
            1,    0,                                                           // one entry:
            0x12, 0x01, 3,   0,   1, 0, 0,   0,   orientation, 0, 0, 0,        // orientation, short, one value
            0,    0,    0,   0};                                               // no next directory
}

int largest_difference(PixelsView left, PixelsView right) {
    EXPECT_EQ(left.size, right.size);
    int largest = 0;
    for (std::size_t i = 0; i < left.data.size() && i < right.data.size(); ++i) {
        largest = std::max(largest, std::abs(left.data[i] - right.data[i]));
    }
    return largest;
}

Error error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {Code::kEngine, "no error was thrown"};
}

}  // namespace saccade::test
