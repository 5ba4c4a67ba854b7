#pragma once

#include "saccade/decode.hpp"
#include "saccade/resize.hpp"
#include "saccade/spec.hpp"

namespace saccade {

/// Memory that a thread reuses from image to image.
struct PictureScratch {
    Image stored;
    Image upright;
};

/// A decoded picture, upright.
struct Picture {
    Format format;
    Size full;      ///< of the file
    Image* pixels;  ///< in the scratch; smaller than full after a scaled decode
    Box box;        ///< where the whole picture lies in pixels
};

/// Decodes at no less than the size that spec resizes to, or at full size without a spec.
/// The picture lives in scratch until the scratch's next use. Raises Error as decode() does.
Picture read_picture(Bytes image, const Limits& limits, const PreprocessSpec* spec, PictureScratch& scratch);

}  // namespace saccade
