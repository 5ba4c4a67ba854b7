#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "saccade/error.hpp"
#include "saccade/image.hpp"

namespace saccade::test {

using File = std::vector<std::uint8_t>;

/// Pixels as random as a fixed seed makes them.
Image noise(Size size, unsigned seed = 1);
/// Pixels that a JPEG keeps well.
Image gradient(Size size);

struct JpegOptions {
    int quality = 90;
    Size luma_sampling{1, 1};  ///< {2, 2} halves chroma in both directions, {1, 2} across only
    bool is_progressive = false;
    bool is_arithmetic = false;
    bool is_grey = false;
    bool is_cmyk = false;           ///< the red channel goes to all four inks
    unsigned restart_interval = 0;  ///< in blocks
    File exif{};
};
File encode_jpeg(const Image& image, const JpegOptions& options = {});

struct PngOptions {
    int color_type = 2;  ///< PNG_COLOR_TYPE_RGB; a palette takes the red channel as index of a grey ramp
    int bit_depth = 8;   ///< 16 repeats each byte, with its complement as the low byte
    bool is_interlaced = false;
    File exif{};
};
File encode_png(const Image& image, const PngOptions& options = {});

File encode_webp(const Image& image);

/// A little TIFF block that holds nothing but an orientation.
File exif_with_orientation(std::uint8_t orientation);

/// Largest difference of two images of one size.
int largest_difference(PixelsView left, PixelsView right);

/// The error that work throws; fails the test if it throws none.
Error error_of(const std::function<void()>& work);

}  // namespace saccade::test
