#include "exif.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace saccade {

namespace {

constexpr unsigned kOrientationTag = 0x0112;
constexpr unsigned kShortType = 3;
constexpr unsigned kLongType = 4;
constexpr std::size_t kEntryBytes = 12;

class TiffReader {
  public:
    explicit TiffReader(Bytes tiff) : tiff_(tiff) {}

    bool read_byte_order() {
        if (tiff_.size() < 8) return false;
        is_little_endian_ = tiff_[0] == 'I';
        const bool is_order = (tiff_[0] == 'I' || tiff_[0] == 'M') && tiff_[0] == tiff_[1];
        return is_order && unsigned_at(2, 2) == 42U;
    }

    /// nullopt beyond the end.
    [[nodiscard]] std::optional<unsigned> unsigned_at(std::size_t offset, std::size_t bytes) const {
        if (offset > tiff_.size() || tiff_.size() - offset < bytes) return std::nullopt;
        unsigned value = 0;
        for (std::size_t i = 0; i < bytes; ++i) {
            const std::size_t place = is_little_endian_ ? bytes - 1 - i : i;
            value = value << 8U | tiff_[offset + place];
        }
        return value;
    }

  private:
    Bytes tiff_;
    bool is_little_endian_ = false;
};

std::optional<unsigned> entry_value(const TiffReader& tiff, std::size_t entry) {
    const std::optional<unsigned> type = tiff.unsigned_at(entry + 2, 2);
    if (type == kShortType) return tiff.unsigned_at(entry + 8, 2);
    if (type == kLongType) return tiff.unsigned_at(entry + 8, 4);
    return std::nullopt;
}

}  // namespace

int exif_orientation(Bytes exif) {
    constexpr std::array<std::uint8_t, 6> prefix{'E', 'x', 'i', 'f', 0, 0};
    if (exif.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), exif.begin())) {
        exif = exif.subspan(prefix.size());
    }
    TiffReader tiff(exif);
    if (!tiff.read_byte_order()) return 1;
    const std::size_t directory = tiff.unsigned_at(4, 4).value_or(0);
    const unsigned entries = tiff.unsigned_at(directory, 2).value_or(0);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = directory + 2 + i * kEntryBytes;
        if (tiff.unsigned_at(entry, 2) != kOrientationTag) continue;
        const unsigned value = entry_value(tiff, entry).value_or(1);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

}  // namespace saccade
