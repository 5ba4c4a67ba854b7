#pragma once

#include <cstdint>

#include "saccade/error.hpp"
#include "saccade/image.hpp"

namespace saccade {

/// Raises Error{kFormat} for an image without pixels and Error{kLimit} for one beyond the limits.
void check_size(std::int64_t height, std::int64_t width, const Limits& limits);

/// What std::bad_alloc becomes at the library's edge.
Error out_of_memory();

}  // namespace saccade
