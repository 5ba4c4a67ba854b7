#include "saccade/image.hpp"

#include <algorithm>

namespace saccade {

namespace {

// Vector code reads whole words, so the last pixel must not end the allocation.
constexpr std::size_t kPaddingBytes = 64;

}  // namespace

void Image::reshape(Size size) {
    if (size.bytes() + kPaddingBytes > capacity_) {
        const std::size_t capacity = std::max(size.bytes() + kPaddingBytes, std::size_t{1} << 16);
        data_.reset();
        capacity_ = 0;
        size_ = {};
        data_ = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
        capacity_ = capacity;
    }
    size_ = size;
}

void Image::trim(std::size_t max_bytes) {
    if (capacity_ > max_bytes) *this = Image();
}

}  // namespace saccade
