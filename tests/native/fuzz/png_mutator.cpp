#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crc.hpp"

// libFuzzer's mutations with the checksums of a PNG made right again: else nearly all of them would end there, and
// nothing behind the checksums would be tried.

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kChunkFrameBytes = 12;  // length, name and checksum

std::size_t big_endian_32(std::span<const std::uint8_t> bytes) {
    return std::size_t{bytes[0]} << 24U | std::size_t{bytes[1]} << 16U | std::size_t{bytes[2]} << 8U | bytes[3];
}

void repair(std::span<std::uint8_t> png) {
    std::span<std::uint8_t> rest = png.subspan(std::min(png.size(), kSignatureBytes));
    while (rest.size() >= kChunkFrameBytes) {
        const std::size_t content = big_endian_32(rest);
        if (content > rest.size() - kChunkFrameBytes) return;
        saccade::fuzz::store_chunk_crc(rest.first(content + kChunkFrameBytes));
        rest = rest.subspan(content + kChunkFrameBytes);
    }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    const std::size_t mutated = LLVMFuzzerMutate(data, size, max_size);
    const bool keeps_wrong_checksums = seed % 8 == 0;
    if (!keeps_wrong_checksums) repair({data, mutated});
    return mutated;
}
