#include "limits.hpp"

#include <algorithm>
#include <string>

#include "text.hpp"

namespace saccade {

void check_size(std::int64_t height, std::int64_t width, const Limits& limits) {
    const std::string size = grouped(width) + " x " + grouped(height) + " pixels";
    if (height <= 0 || width <= 0)
        throw Error(Code::kFormat, "The image header says " + size + ". The file is damaged.");
    const int max_side = std::min(limits.max_side, kMaxSide);
    if (height > max_side || width > max_side) {
        throw Error(Code::kLimit, "The image has " + size + "; the limit is " + grouped(max_side) +
                                      " on a side. Make it smaller or raise max_side.");
    }
    if (static_cast<std::uint64_t>(height) * static_cast<std::uint64_t>(width) > limits.max_pixels) {
        throw Error(Code::kLimit, "The image has " + size + "; the limit is " + grouped(limits.max_pixels) +
                                      " pixels. Make it smaller or raise max_pixels.");
    }
}

Error out_of_memory() {
    return {Code::kMemory, "No memory is left for this image. Make it smaller or use fewer threads."};
}

}  // namespace saccade
