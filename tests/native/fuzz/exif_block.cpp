#include "exif_block.hpp"

#include <array>
#include <cstddef>
#include <span>

#include "crc.hpp"
#include "saccade/decode.hpp"

namespace saccade::fuzz {

namespace {

using File = std::vector<std::uint8_t>;

constexpr std::ptrdiff_t kJpegSignatureBytes = 2;
constexpr std::ptrdiff_t kPngHeaderBytes = 33;  // signature and IHDR

File tiff(std::uint8_t orientation) {
    return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0};
}

File jpeg_segment(const File& block) {
    const auto length = static_cast<std::uint8_t>(2 + 6 + block.size());
    File segment{0xFF, 0xE1, 0, length, 'E', 'x', 'i', 'f', 0, 0};
    segment.insert(segment.end(), block.begin(), block.end());
    return segment;
}

File png_chunk(const File& block) {
    File chunk{0, 0, 0, static_cast<std::uint8_t>(block.size()), 'e', 'X', 'I', 'f'};
    chunk.insert(chunk.end(), block.begin(), block.end());
    chunk.resize(chunk.size() + kCrcBytes);
    store_chunk_crc(chunk);
    return chunk;
}

}  // namespace

File with_orientation(Bytes image, std::uint8_t orientation) {
    File file(image.begin(), image.end());
    const Format format = detect_format(image);
    const File block = tiff(orientation);
    if (format == Format::kJpeg) {
        const File segment = jpeg_segment(block);
        file.insert(file.begin() + kJpegSignatureBytes, segment.begin(), segment.end());
    } else if (format == Format::kPng && std::ssize(file) >= kPngHeaderBytes) {
        const File chunk = png_chunk(block);
        file.insert(file.begin() + kPngHeaderBytes, chunk.begin(), chunk.end());
    }
    return file;
}

}  // namespace saccade::fuzz
