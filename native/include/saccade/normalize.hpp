#pragma once

#include <cstdint>
#include <span>

#include "saccade/spec.hpp"

namespace saccade {

/// (pixel / 255 - mean) / std in float32, bit for bit what torchvision's ToTensor and Normalize give.
///
/// pixels: (N, H, W, 3) uint8 packed, H and W from spec.   out: (N, 3, H, W) float32 packed.
/// Raises Error{kArgument} if the spans do not hold the same whole number of images.
void normalize(std::span<const std::uint8_t> pixels, const PreprocessSpec& spec, std::span<float> out,
               unsigned threads = 0);

}  // namespace saccade
