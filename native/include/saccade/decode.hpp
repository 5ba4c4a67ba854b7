#pragma once

#include <string_view>

#include "saccade/image.hpp"

namespace saccade {

enum class Format { kUnknown, kJpeg, kPng, kWebp };

/// "jpeg", "png", "webp" or "unknown".
std::string_view format_name(Format format);

/// Format by the first bytes, whatever the file is called.
Format detect_format(Bytes image);

/// The whole picture at full size as RGB, EXIF orientation applied.
///
/// Alpha is dropped, as Pillow's convert("RGB") does; palettes, grey and CMYK (always Adobe's inverted kind, as Pillow
/// reads it) become RGB; 16-bit samples keep their high byte. Colour profiles are not applied.
/// Raises Error{kUnknownFormat | kFormat | kTruncated | kLimit | kUnsupported | kMemory}.
Image decode(Bytes image, const Limits& limits = {});

}  // namespace saccade
