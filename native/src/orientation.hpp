#pragma once

#include "saccade/image.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// Orientations 5 to 8 swap width and height.
inline bool swaps_sides(int orientation) {
    return orientation >= 5;
}

/// The orientation that takes an upright picture back to how it is stored.
inline int inverse(int orientation) {
    return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
}

/// Copies stored pixels into upright ones. orientation: EXIF, 1 to 8.
void orient(PixelsView stored, int orientation, Image& upright);

/// Where a box of the stored picture lies in the upright one. stored: size of the stored picture.
Box orient_box(Box box, int orientation, Size stored);
Crop orient_crop(const Crop& crop, int orientation, Size stored);

}  // namespace saccade
