#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

namespace saccade {

/// Encoded bytes of one image; the caller keeps them alive.
using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kChannels = 3;

/// Height and width in pixels.
struct Size {
    int height = 0;
    int width = 0;

    [[nodiscard]] std::size_t pixels() const {
        return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    }
    [[nodiscard]] std::size_t bytes() const { return pixels() * kChannels; }
    [[nodiscard]] Size transposed() const { return {width, height}; }
    bool operator==(const Size&) const = default;
};

/// No side of an image is longer, whatever the limits say.
inline constexpr int kMaxSide = 65'535;

/// What an image may cost at most. Checked against the file's header before memory is taken.
struct Limits {
    std::size_t max_bytes = std::size_t{64} << 20;  ///< encoded bytes
    int max_side = 20'000;                          ///< pixels, width and height each; at most kMaxSide
    std::size_t max_pixels = 64'000'000;            ///< width times height
    int max_scans = 100;                            ///< of a progressive JPEG; each one costs a pass over the picture
};

/// Pixels that somebody else owns: HWC uint8 RGB, rows packed.
struct PixelsView {
    std::span<const std::uint8_t> data;
    Size size;

    [[nodiscard]] const std::uint8_t* row(int y) const {
        return data.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(size.width) * kChannels;
    }
};

/// Owned pixels, HWC uint8 RGB, rows packed. Memory is kept when a smaller image follows.
class Image {
  public:
    Image() = default;
    explicit Image(Size size) { reshape(size); }

    /// Makes room for size; the pixels are undefined afterwards.
    void reshape(Size size);
    /// Gives memory back if more than max_bytes are held, so that one huge image does not stay with a thread.
    void trim(std::size_t max_bytes);

    [[nodiscard]] Size size() const { return size_; }
    [[nodiscard]] std::span<std::uint8_t> data() { return {data_.get(), size_.bytes()}; }
    [[nodiscard]] std::span<const std::uint8_t> data() const { return {data_.get(), size_.bytes()}; }
    [[nodiscard]] std::uint8_t* row(int y) {
        return data_.get() + static_cast<std::size_t>(y) * static_cast<std::size_t>(size_.width) * kChannels;
    }
    [[nodiscard]] PixelsView view() const { return {data(), size_}; }

  private:
    std::unique_ptr<std::uint8_t[]> data_;
    std::size_t capacity_ = 0;
    Size size_;
};

}  // namespace saccade
