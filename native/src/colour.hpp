#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "saccade/image.hpp"

namespace saccade {

// Changes of colour, in place, of pixels as HWC uint8 RGB. Meanings and factors are those of torchvision's functional
// transforms: 1 changes nothing. Results are rounded to the nearest level.

void adjust_brightness(std::span<std::uint8_t> pixels, double factor);
void adjust_contrast(std::span<std::uint8_t> pixels, double factor);
void adjust_saturation(std::span<std::uint8_t> pixels, double factor);
/// turns: of the colour circle, -0.5 to 0.5.
void adjust_hue(std::span<std::uint8_t> pixels, double turns);
/// The border stays as it is.   scratch: kept by the caller between calls.
void adjust_sharpness(std::span<std::uint8_t> pixels, Size size, double factor, std::vector<std::uint8_t>& scratch);
/// Keeps this many of the highest bits, 1 to 8.
void posterize(std::span<std::uint8_t> pixels, int bits);
/// Inverts the levels from threshold on.
void solarize(std::span<std::uint8_t> pixels, double threshold);
/// Stretches each channel to all levels.
void stretch_contrast(std::span<std::uint8_t> pixels);
/// Equalizes each channel's histogram.
void equalize(std::span<std::uint8_t> pixels);

}  // namespace saccade
