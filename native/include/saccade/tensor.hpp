#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "saccade/spec.hpp"

namespace saccade {

/// Numbers of a network's input. bfloat16 is the upper half of a float32, rounded to the nearest, ties to even.
enum class DataType { kUint8, kBfloat16, kFloat32 };

/// Order of a network's input: (N, H, W, 3) or (N, 3, H, W).
enum class Layout { kNhwc, kNchw };

struct TensorFormat {
    DataType type = DataType::kFloat32;
    Layout layout = Layout::kNchw;
};

/// Turns prepared pixels into a network's input: (pixel / 255 - mean) / std in float32, bit for bit what torchvision's
/// ToTensor and Normalize give, then rounded to bfloat16 if so wanted. kUint8 keeps the levels as they are.
class TensorWriter {
  public:
    TensorWriter(const PreprocessSpec& spec, TensorFormat format);

    /// Of a prepared image, before and after.
    [[nodiscard]] std::size_t pixel_bytes() const { return pixel_bytes_; }
    [[nodiscard]] std::size_t tensor_bytes() const;
    /// Whether a tensor is the pixels as they are.
    [[nodiscard]] bool keeps_pixels() const {
        return format_.type == DataType::kUint8 && format_.layout == Layout::kNhwc;
    }

    /// pixels: (H, W, 3) uint8 packed, H and W from the specification.   out: tensor_bytes().
    void write(std::span<const std::uint8_t> pixels, std::span<std::byte> out) const;

    /// write for every image of pixels, (N, H, W, 3) uint8 packed.   out: N * tensor_bytes().
    /// Raises Error{kArgument} if the spans do not hold the same whole number of images.
    void write_all(std::span<const std::uint8_t> pixels, std::span<std::byte> out, unsigned threads = 0) const;

  private:
    template <typename Number>
    using Tables = std::array<std::array<Number, 256>, kChannels>;

    TensorFormat format_;
    std::size_t pixel_bytes_;
    // All possible results of each channel: exact, and as fast as arithmetic because a table stays in the first cache.
    Tables<float> floats_;
    Tables<std::uint16_t> bfloats_;
    Tables<std::uint8_t> levels_;
};

}  // namespace saccade
