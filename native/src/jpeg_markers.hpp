#pragma once

#include <string_view>

#include "saccade/image.hpp"

namespace saccade {

/// Whether a JPEG's end marker is among these bytes of entropy-coded data and what follows it.
inline bool has_end_marker(Bytes bytes) {
    constexpr std::string_view kEndOfImage = "\xFF\xD9";
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.find(kEndOfImage) != std::string_view::npos;
}

}  // namespace saccade
