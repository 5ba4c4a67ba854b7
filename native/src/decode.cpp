#include "saccade/decode.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "limits.hpp"
#include "picture.hpp"
#include "saccade/error.hpp"

namespace saccade {

namespace {

bool has_at(Bytes bytes, std::size_t offset, std::string_view text) {
    return bytes.size() >= offset + text.size() &&
           std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                      [](char left, std::uint8_t right) { return static_cast<std::uint8_t>(left) == right; });
}

}  // namespace

std::string_view format_name(Format format) {
    switch (format) {
        case Format::kJpeg:
            return "jpeg";
        case Format::kPng:
            return "png";
        case Format::kWebp:
            return "webp";
        case Format::kUnknown:
            break;
    }
    return "unknown";
}

Format detect_format(Bytes image) {
    if (has_at(image, 0, "\xFF\xD8\xFF")) return Format::kJpeg;
    if (has_at(image, 0, "\x89PNG\r\n\x1A\n")) return Format::kPng;
    if (has_at(image, 0, "RIFF") && has_at(image, 8, "WEBP")) return Format::kWebp;
    return Format::kUnknown;
}

Image decode(Bytes image, const Limits& limits) {
    try {
        PictureScratch scratch;
        return std::move(*read_picture(image, limits, Framing::whole, scratch).pixels);
    } catch (const std::bad_alloc&) {
        throw out_of_memory();
    }
}

}  // namespace saccade
