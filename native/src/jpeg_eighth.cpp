#include "jpeg_eighth.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "jpeg_markers.hpp"

namespace saccade {

namespace {

constexpr int kBlockSide = 8;
constexpr int kBlockSize = kBlockSide * kBlockSide;

// Where the coefficients of a block, as they follow each other, lie in its rows (T.81, figure A.6).
constexpr std::array<std::uint8_t, kBlockSize> kZigzag{0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                                       12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                                       35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                                       58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/// value / 2^bits of a signed number, rounded.
std::int32_t descaled(std::uint32_t value, int bits) {
    return static_cast<std::int32_t>(value + (1U << (bits - 1))) >> bits;
}

/// A sample around 0 as a level: libjpeg's range limit, which looks at ten bits only.
std::uint8_t level_of(int sample) {
    constexpr int kRange = 1024;
    const int wrapped = sample & (kRange - 1);
    return static_cast<std::uint8_t>(std::clamp((wrapped < kRange / 2 ? wrapped : wrapped - kRange) + 128, 0, 255));
}

/// A block on its way to four samples of 4 x 4 pixels each: libjpeg's jpeg_idct_2x2, which leaves out the even
/// coefficients above the mean. Fixed point: 13 bits of the constants, and 2 more between the passes. Sums wrap, since
/// a damaged file can hold any coefficients.
class HalfBlock {
  public:
    explicit HalfBlock(std::int32_t mean) { even_[0] = static_cast<std::uint32_t>(mean) << (kConstantBits + 2); }

    /// value: dequantized.   at: its place in the block, row by row.
    void add(std::size_t at, std::int32_t value) {
        const auto coefficient = static_cast<std::uint32_t>(value);
        if (at < kBlockSide) {
            even_[at] = coefficient << (kConstantBits + 2);
        } else {
            odd_[at % kBlockSide] += kOdd[at / kBlockSide] * coefficient;
        }
    }

    /// Row by row.
    [[nodiscard]] std::array<std::uint8_t, 4> pixels() const {
        std::array<std::uint32_t, 2> even;
        std::array<std::uint32_t, 2> odd{};
        for (const std::size_t x : {0U, 1U, 3U, 5U, 7U}) {
            for (std::size_t y = 0; y < 2; ++y) {
                const std::uint32_t sum = y == 0 ? even_[x] + odd_[x] : even_[x] - odd_[x];
                const auto between = static_cast<std::uint32_t>(descaled(sum, kConstantBits - kPassBits + 2));
                if (x == 0) even[y] = between << (kConstantBits + 2);
                odd[y] += kOdd[x] * between;
            }
        }
        const auto pixel = [](std::uint32_t sum) { return level_of(descaled(sum, kConstantBits + kPassBits + 5)); };
        return {pixel(even[0] + odd[0]), pixel(even[0] - odd[0]), pixel(even[1] + odd[1]), pixel(even[1] - odd[1])};
    }

  private:
    static constexpr int kConstantBits = 13;
    static constexpr int kPassBits = 2;
    // 3.624509785, -1.272758580, 0.850430095 and -0.720959822.
    static constexpr std::array<std::uint32_t, kBlockSide> kOdd{0, 29692, 0, -10426U, 0, 6967, 0, -5906U};

    std::array<std::uint32_t, kBlockSide> even_{};
    std::array<std::uint32_t, kBlockSide> odd_{};
};

/// Takes the AC coefficients of a block. False where they make no block.
bool read_coefficients(BitReader& reader, const HuffmanTable& table, const UINT16* quantizers, HalfBlock& block) {
    for (int last = 0; last < kLastCoefficient;) {
        reader.refill();
        const int symbol = table.symbol(reader);
        if (symbol < 0) return false;
        if (ends_block(symbol)) return true;
        last += coefficients_of(symbol);
        if (last > kLastCoefficient) return false;
        const std::size_t at = kZigzag[static_cast<std::size_t>(last)];
        block.add(at, static_cast<std::int16_t>(reader.signed_number(value_bits(symbol))) * quantizers[at]);
    }
    return true;
}

/// YCbCr to RGB by libjpeg's formula: 16 bits of fixed point, rounded.
void ycc_to_rgb(int luma, int blue, int red, std::uint8_t* rgb) {
    constexpr int kHalf = 1 << 15;
    const auto clamped = [](int level) { return static_cast<std::uint8_t>(std::clamp(level, 0, 255)); };
    rgb[0] = clamped(luma + ((91881 * (red - 128) + kHalf) >> 16));
    rgb[1] = clamped(luma + ((-22554 * (blue - 128) - 46802 * (red - 128) + kHalf) >> 16));
    rgb[2] = clamped(luma + ((116130 * (blue - 128) + kHalf) >> 16));
}

std::span<const jpeg_component_info> components_of(const jpeg_decompress_struct& info) {
    return {info.comp_info, static_cast<std::size_t>(info.num_components)};
}

/// A file may give its tables any numbers; libjpeg looks at them only when it starts to decode.
bool has_table_numbers(const jpeg_component_info& component) {
    return component.quant_tbl_no < NUM_QUANT_TBLS && component.dc_tbl_no < NUM_HUFF_TBLS &&
           component.ac_tbl_no < NUM_HUFF_TBLS;
}

}  // namespace

bool JpegEighth::can_read(const jpeg_decompress_struct& info) {
    if (info.progressive_mode != 0 || info.arith_code != 0 || info.data_precision != 8) return false;
    if (info.scale_num != 1 || info.comps_in_scan != info.num_components) return false;
    const std::span components = components_of(info);
    if (!std::ranges::all_of(components, has_table_numbers)) return false;
    if (info.num_components == 1) return info.jpeg_color_space == JCS_GRAYSCALE;
    if (info.num_components != 3 || info.jpeg_color_space != JCS_YCbCr) return false;
    const auto has_sampling = [](const jpeg_component_info& component, int side) {
        return component.h_samp_factor == side && component.v_samp_factor == side;
    };
    return (has_sampling(components[0], 1) || has_sampling(components[0], 2)) && has_sampling(components[1], 1) &&
           has_sampling(components[2], 1);
}

JpegEighth::JpegEighth(const jpeg_decompress_struct& info)
    : info_(info),
      bytes_(info.src->next_input_byte, info.src->bytes_in_buffer),
      reader_(bytes_),
      mcu_side_(info.num_components == 1 ? 1 : info.max_h_samp_factor),
      mcus_across_(static_cast<int>((info.output_width + static_cast<unsigned>(mcu_side_) - 1) /
                                    static_cast<unsigned>(mcu_side_))),
      stride_(std::ptrdiff_t{mcus_across_} * mcu_side_),
      until_restart_(info.restart_interval) {}

bool JpegEighth::prepare_components() {
    for (const jpeg_component_info& part : components_of(info_)) {
        const JQUANT_TBL* quantizers = info_.quant_tbl_ptrs[part.quant_tbl_no];
        const std::optional<HuffmanTable> dc = HuffmanTable::make(info_.dc_huff_tbl_ptrs[part.dc_tbl_no]);
        const std::optional<HuffmanTable> ac = HuffmanTable::make(info_.ac_huff_tbl_ptrs[part.ac_tbl_no]);
        if (quantizers == nullptr || !dc || !ac) return false;
        const int blocks = info_.num_components == 1 ? 1 : part.h_samp_factor;
        Component component{*dc, *ac, quantizers->quantval, mcu_side_ / blocks, blocks};
        if (component.side == 1) component.skipper.emplace(*ac);
        component.samples.resize(static_cast<std::size_t>(stride_ * mcu_side_));
        components_.push_back(std::move(component));
    }
    return true;
}

bool JpegEighth::read(const Crop& region, Image& out) {
    if (!prepare_components()) return false;
    for (int row = 0; row < region.bottom(); row += mcu_side_) {
        if (!read_row_of_blocks()) return false;
        for (int y = std::max(row, region.top); y < std::min(row + mcu_side_, region.bottom()); ++y) {
            convert(y - row, region, out.row(y - region.top));
        }
    }
    return is_complete_below(region.bottom());
}

bool JpegEighth::read_row_of_blocks() {
    for (int mcu = 0; mcu < mcus_across_; ++mcu) {
        if (!restart_if_due()) return false;
        BitReader reader = reader_;  // stays in registers: nothing below knows its address
        for (Component& component : components_) {
            for (int down = 0; down < component.blocks; ++down) {
                for (int across = 0; across < component.blocks; ++across) {
                    const int x = mcu * mcu_side_ + across * component.side;
                    std::uint8_t* samples = component.samples.data() + x + down * component.side * stride_;
                    if (!read_block(reader, component, samples)) return false;
                }
            }
        }
        reader_ = reader;
    }
    return !reader_.is_exhausted();
}

/// Reads one block into its sample, or into four of two rows.
[[gnu::always_inline]] inline bool JpegEighth::read_block(BitReader& reader, Component& component,
                                                          std::uint8_t* samples) const {
    reader.refill();
    const int bits = component.dc.symbol(reader);
    if (bits < 0 || bits > 15) return false;
    component.predicted_dc = static_cast<std::int16_t>(component.predicted_dc + reader.signed_number(bits));
    const int mean = component.predicted_dc * component.quantizers[0];
    if (component.side == 1) {
        *samples = level_of(descaled(static_cast<std::uint32_t>(mean), 3));
        return component.skipper->skip(reader);
    }
    HalfBlock block(mean);
    if (!read_coefficients(reader, component.ac, component.quantizers, block)) return false;
    const std::array<std::uint8_t, 4> pixels = block.pixels();
    std::copy_n(pixels.begin(), 2, samples);
    std::copy_n(pixels.begin() + 2, 2, samples + stride_);
    return true;
}

bool JpegEighth::restart_if_due() {
    if (info_.restart_interval == 0) return true;
    if (until_restart_-- != 0) return true;
    if (!reader_.restart(next_restart_)) return false;
    next_restart_ = (next_restart_ + 1) % 8;
    until_restart_ = info_.restart_interval - 1;
    for (Component& component : components_) component.predicted_dc = 0;
    return true;
}

/// One row of the row of blocks, from 0 on, as RGB.
void JpegEighth::convert(int row, const Crop& region, std::uint8_t* out) const {
    const std::ptrdiff_t first = row * stride_ + region.left;
    const auto samples = [&](std::size_t component) { return components_[component].samples.data() + first; };
    const std::uint8_t* luma = samples(0);
    const auto width = static_cast<std::size_t>(region.size.width);
    if (components_.size() == 1) {
        for (std::size_t x = 0; x < width; ++x) std::fill_n(out + x * kChannels, kChannels, luma[x]);
        return;
    }
    const std::uint8_t* blue = samples(1);
    const std::uint8_t* red = samples(2);
    for (std::size_t x = 0; x < width; ++x) ycc_to_rgb(luma[x], blue[x], red[x], out + x * kChannels);
}

/// Whether every row is read, or at least the end marker is there.
bool JpegEighth::is_complete_below(int row) const {
    if (row == static_cast<int>(info_.output_height)) return true;
    return has_end_marker({reader_.next(), bytes_.data() + bytes_.size()});
}

}  // namespace saccade
