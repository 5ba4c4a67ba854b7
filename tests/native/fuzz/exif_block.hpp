#pragma once

#include <cstdint>
#include <vector>

#include "saccade/image.hpp"

namespace saccade::fuzz {

/// The image with an EXIF orientation put into it, after the signature of a JPEG or the header of a PNG. Other bytes,
/// and those too short for it, come back as they are.
std::vector<std::uint8_t> with_orientation(Bytes image, std::uint8_t orientation);

}  // namespace saccade::fuzz
