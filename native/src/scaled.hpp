#pragma once

#include "saccade/image.hpp"

namespace saccade {

/// A picture that is decoded smaller than it is stored.
struct Scaled {
    Size size;          ///< in pixels; the last row and column may be covered only in part
    double down = 1;    ///< how much the picture itself is scaled
    double across = 1;  ///< ditto
};

/// The least of 1, 2, 4, 8 eighths that gives at least this part of a picture's sides; 8 if none does. Scales between
/// the powers of two have no fast transform.
inline int eighths_for(double least_scale, int from = 1) {
    int eighths = from;
    while (eighths < 8 && eighths < 8 * least_scale) eighths *= 2;
    return eighths;
}

}  // namespace saccade
