#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "saccade/image.hpp"

namespace saccade {

/// A rectangle of whole pixels.
struct Crop {
    int top = 0;
    int left = 0;
    Size size;
};

/// A rectangle in continuous pixel coordinates; the centre of the first pixel is (0.5, 0.5).
struct Box {
    double top = 0;
    double left = 0;
    double bottom = 0;
    double right = 0;
};

/// Memory that a thread reuses from image to image.
struct ResizeScratch {
    std::vector<std::uint8_t> rows;
    std::vector<std::int32_t> lanes;
    std::vector<std::int32_t> weights;
};

/// Exactly (size) pixels by an antialiased triangle filter: half-pixel centres, support that grows with the scale, and
/// 8-bit fixed-point passes, across then down. Bit for bit what Pillow's Image.resize(..., BILINEAR) gives for width
/// and then height; in one call Pillow 13 sometimes goes down first, and then differs by one level. Raises
/// Error{kArgument} for an empty image or size.
Image resize(PixelsView pixels, Size size);

/// Resizes the part `box` of pixels to size and writes only what `keep` covers of it, HWC packed.
void resize_region(PixelsView pixels, Box box, Size size, Crop keep, std::span<std::uint8_t> out,
                   ResizeScratch& scratch);

}  // namespace saccade
