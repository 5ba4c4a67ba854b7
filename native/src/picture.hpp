#pragma once

#include <functional>

#include "saccade/decode.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// Memory that a thread reuses from image to image.
struct PictureScratch {
    Image stored;
    Image upright;
};

/// What is made of a picture of this size, as displayed.
using FramingOf = std::function<Framing(Size full)>;

/// A decoded picture, upright: as much of it as the plan reads.
struct Picture {
    Format format;
    Size full;        ///< of the file, as displayed
    ResizePlan plan;  ///< makes the framed picture
    Image* pixels;    ///< in the scratch
    Crop region;      ///< which part of the plan's input the pixels are

    /// out: plan.kept(), HWC packed.
    void frame(std::span<std::uint8_t> out, ResizeScratch& scratch) const {
        plan.run(pixels->view(), region, out, scratch);
    }
};

/// Decodes what the framing needs, at the smallest scale that covers it.
/// The pixels live in scratch until the scratch's next use. Raises Error as decode() does.
Picture read_picture(Bytes image, const Limits& limits, const FramingOf& framing_of, PictureScratch& scratch);

}  // namespace saccade
