#include "crc.hpp"

#include <zlib.h>

namespace saccade::fuzz {

void store_chunk_crc(std::span<std::uint8_t> chunk) {
    constexpr std::size_t kLengthBytes = 4;
    const std::size_t end = chunk.size() - kCrcBytes;
    const std::span<std::uint8_t> covered = chunk.subspan(kLengthBytes, end - kLengthBytes);
    const uLong crc = crc32(0, covered.data(), static_cast<uInt>(covered.size()));
    for (std::size_t i = 0; i < kCrcBytes; ++i) chunk[end + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
}

}  // namespace saccade::fuzz
