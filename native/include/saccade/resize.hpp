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
    Image rows;
    std::vector<std::int32_t> weights;
};

/// Resizes exactly to size: antialiased triangle filter with half-pixel centres whose support grows with the scale, and
/// Pillow's 8-bit fixed-point passes. Bit for bit Image.resize(size, BILINEAR) of Pillow.
/// out: size HWC uint8. Raises Error{kArgument} for an empty image or size.
void resize(PixelsView pixels, Size size, std::span<std::uint8_t> out);

/// Resizes the part `box` of pixels to size and writes only what `keep` covers of it, HWC packed.
void resize_region(PixelsView pixels, Box box, Size size, Crop keep, std::span<std::uint8_t> out,
                   ResizeScratch& scratch);

}  // namespace saccade
