#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "saccade/image.hpp"

namespace saccade {

// Movements of a picture, in place, HWC uint8 RGB. What comes in from outside is the picture reflected at its border,
// without the border pixel twice.   scratch: kept by the caller between calls.

/// Pixel (y, x) becomes what was at (y + dy, x + dx); left and right are swapped afterwards if so wanted.
void move_picture(std::span<std::uint8_t> pixels, Size size, int dy, int dx, bool is_mirrored,
                  std::vector<std::uint8_t>& scratch);

/// Where a pixel of the result comes from: x = a x' + b y' + c, y = d x' + e y' + f, about the centre of the picture.
using Affine = std::array<double, 6>;

/// torchvision's affine: turned by degrees, sheared along x, scaled, then moved by (dy, dx) pixels.
Affine affine_of(double degrees, double shear_degrees, double scale, double dy, double dx);

/// Bilinear.
void warp_picture(std::span<std::uint8_t> pixels, Size size, const Affine& source, std::vector<std::uint8_t>& scratch);

}  // namespace saccade
