#include "picture.hpp"

#include <algorithm>
#include <utility>

#include "jpeg.hpp"
#include "orientation.hpp"
#include "png.hpp"
#include "text.hpp"
#include "webp.hpp"

namespace saccade {

namespace {

Size turned(Size size, int orientation) {
    return swaps_sides(orientation) ? size.transposed() : size;
}

/// Every reader gives size() and orientation(), and reads in two steps: scale_to(least) chooses the scale of both
/// sides, and read(needed, out) decodes that part of the scaled picture or more, and says which.
template <typename Reader>
Picture read_with(Reader& reader, Format format, const FramingOf& framing_of, PictureScratch& scratch) {
    const int orientation = reader.orientation();
    const int back = inverse(orientation);
    const Size full = turned(reader.size(), orientation);
    Framing framing = framing_of(full);

    Box stored = orient_box(framing.box, back, full);
    const Size at_least = turned(framing.size, orientation);
    const Scaled scaled = reader.scale_to(std::max(at_least.height / stored.height(), at_least.width / stored.width()));
    stored = {stored.top * scaled.down, stored.left * scaled.across, stored.bottom * scaled.down,
              stored.right * scaled.across};
    framing.box = orient_box(stored, orientation, scaled.size);

    ResizePlan plan(turned(scaled.size, orientation), framing);
    const Crop read = reader.read(orient_crop(plan.source(), back, turned(scaled.size, orientation)), scratch.stored);
    if (orientation == 1) return {format, full, std::move(plan), &scratch.stored, read};
    orient(scratch.stored.view(), orientation, scratch.upright);
    return {format, full, std::move(plan), &scratch.upright, orient_crop(read, orientation, scaled.size)};
}

template <typename Reader>
Picture read_as(Format format, Bytes image, const Limits& limits, const FramingOf& framing_of,
                PictureScratch& scratch) {
    Reader reader(image, limits);
    return read_with(reader, format, framing_of, scratch);
}

}  // namespace

Picture read_picture(Bytes image, const Limits& limits, const FramingOf& framing_of, PictureScratch& scratch) {
    if (image.size() > limits.max_bytes) {
        throw Error(Code::kLimit, "The image file has " + grouped(image.size()) + " bytes; the limit is " +
                                      grouped(limits.max_bytes) + ". Make it smaller or raise max_bytes.");
    }
    switch (detect_format(image)) {
        case Format::kJpeg:
            return read_as<JpegReader>(Format::kJpeg, image, limits, framing_of, scratch);
        case Format::kPng:
            return read_as<PngReader>(Format::kPng, image, limits, framing_of, scratch);
        case Format::kWebp:
            return read_as<WebpReader>(Format::kWebp, image, limits, framing_of, scratch);
        case Format::kUnknown:
            break;
    }
    throw Error(Code::kUnknownFormat,
                image.empty() ? "The image file is empty."
                              : "The " + grouped(image.size()) +
                                    " bytes are not a JPEG, PNG or WebP image. Convert the file or remove it.");
}

}  // namespace saccade
