#include "picture.hpp"

#include <utility>

#include "jpeg.hpp"
#include "orientation.hpp"
#include "png.hpp"
#include "text.hpp"
#include "webp.hpp"

namespace saccade {

namespace {

Box whole(Size size) {
    return {0, 0, static_cast<double>(size.height), static_cast<double>(size.width)};
}

Size upright_size(Size stored, int orientation) {
    return swaps_sides(orientation) ? stored.transposed() : stored;
}

/// Turns stored pixels upright where needed.
Picture upright_picture(Format format, Size full, int orientation, Box box, PictureScratch& scratch) {
    if (orientation == 1) return {format, full, &scratch.stored, box};
    orient(scratch.stored.view(), orientation, scratch.upright);
    return {format, full, &scratch.upright, orient_box(box, orientation, scratch.stored.size())};
}

Picture read_jpeg(Bytes image, const Limits& limits, const PreprocessSpec* spec, PictureScratch& scratch) {
    JpegReader reader(image, limits);
    const int orientation = reader.orientation();
    const Size full = upright_size(reader.size(), orientation);
    const Size target = spec == nullptr ? full : spec->resized(full);
    const Box box = reader.read(upright_size(target, orientation), scratch.stored);
    return upright_picture(Format::kJpeg, full, orientation, box, scratch);
}

template <typename Reader>
Picture read_whole(Format format, Bytes image, const Limits& limits, PictureScratch& scratch) {
    Reader reader(image, limits);
    reader.read(scratch.stored);
    const Size full = upright_size(reader.size(), reader.orientation());
    return upright_picture(format, full, reader.orientation(), whole(reader.size()), scratch);
}

}  // namespace

Picture read_picture(Bytes image, const Limits& limits, const PreprocessSpec* spec, PictureScratch& scratch) {
    if (image.size() > limits.max_bytes) {
        throw Error(Code::kLimit, "The image file has " + grouped(image.size()) + " bytes; the limit is " +
                                      grouped(limits.max_bytes) + ". Make it smaller or raise max_bytes.");
    }
    switch (detect_format(image)) {
        case Format::kJpeg:
            return read_jpeg(image, limits, spec, scratch);
        case Format::kPng:
            return read_whole<PngReader>(Format::kPng, image, limits, scratch);
        case Format::kWebp:
            return read_whole<WebpReader>(Format::kWebp, image, limits, scratch);
        case Format::kUnknown:
            break;
    }
    throw Error(Code::kUnknownFormat,
                image.empty() ? "The image file is empty."
                              : "The " + grouped(image.size()) +
                                    " bytes are not a JPEG, PNG or WebP image. Convert the file or remove it.");
}

}  // namespace saccade
