#include "saccade/tensor.hpp"

#include <algorithm>
#include <bit>

#include "saccade/error.hpp"
#include "saccade/thread_pool.hpp"
#include "text.hpp"

namespace saccade {

namespace {

std::size_t bytes_of(DataType type) {
    switch (type) {
        case DataType::kUint8:
            return 1;
        case DataType::kBfloat16:
            return 2;
        default:
            return 4;
    }
}

std::uint16_t to_bfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

template <typename Number, typename Tables>
void write_as(std::span<const std::uint8_t> pixels, const Tables& tables, Layout layout, std::byte* out) {
    const std::size_t count = pixels.size() / kChannels;
    auto* to = reinterpret_cast<Number*>(out);
    const std::uint8_t* pixel = pixels.data();
    // Distance between the channels of a pixel, and between neighbours.
    const std::size_t plane = layout == Layout::kNchw ? count : 1;
    const std::size_t step = layout == Layout::kNchw ? 1 : kChannels;
    for (std::size_t i = 0; i < count; ++i, pixel += kChannels, to += step) {
        to[0] = tables[0][pixel[0]];
        to[plane] = tables[1][pixel[1]];
        to[2 * plane] = tables[2][pixel[2]];
    }
}

}  // namespace

TensorWriter::TensorWriter(const PreprocessSpec& spec, TensorFormat format)
    : format_(format), pixel_bytes_(spec.size().bytes()) {
    for (std::size_t c = 0; c < kChannels; ++c) {
        const auto mean = static_cast<float>(spec.mean()[c]);
        const auto std = static_cast<float>(spec.std()[c]);
        for (std::size_t level = 0; level < 256; ++level) {
            floats_[c][level] = (static_cast<float>(level) / 255.0F - mean) / std;
            bfloats_[c][level] = to_bfloat16(floats_[c][level]);
            levels_[c][level] = static_cast<std::uint8_t>(level);
        }
    }
}

std::size_t TensorWriter::tensor_bytes() const {
    return pixel_bytes_ * bytes_of(format_.type);
}

void TensorWriter::write(std::span<const std::uint8_t> pixels, std::span<std::byte> out) const {
    switch (format_.type) {
        case DataType::kUint8:
            if (keeps_pixels()) return static_cast<void>(std::ranges::copy(std::as_bytes(pixels), out.begin()));
            return write_as<std::uint8_t>(pixels, levels_, format_.layout, out.data());
        case DataType::kBfloat16:
            return write_as<std::uint16_t>(pixels, bfloats_, format_.layout, out.data());
        case DataType::kFloat32:
            return write_as<float>(pixels, floats_, format_.layout, out.data());
    }
}

void TensorWriter::write_all(std::span<const std::uint8_t> pixels, std::span<std::byte> out, unsigned threads) const {
    const std::size_t count = pixels.size() / pixel_bytes_;
    if (pixels.size() % pixel_bytes_ != 0 || out.size() != count * tensor_bytes()) {
        throw Error(Code::kArgument, "Turning " + grouped(pixels.size()) + " levels into a tensor of " +
                                         grouped(out.size()) + " bytes; needed are whole images of " +
                                         grouped(pixel_bytes_) + " levels and " + grouped(tensor_bytes()) +
                                         " bytes each.");
    }
    parallel_for(count, threads, [&](std::size_t i) {
        write(pixels.subspan(i * pixel_bytes_, pixel_bytes_), out.subspan(i * tensor_bytes(), tensor_bytes()));
    });
}

}  // namespace saccade
