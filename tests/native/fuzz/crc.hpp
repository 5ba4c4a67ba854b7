#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace saccade::fuzz {

inline constexpr std::size_t kCrcBytes = 4;

/// Writes the right checksum into the last four bytes of a PNG chunk: length, name, content, checksum.
void store_chunk_crc(std::span<std::uint8_t> chunk);

}  // namespace saccade::fuzz
