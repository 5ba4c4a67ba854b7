#include "saccade/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "filter.hpp"
#include "multiversion.hpp"
#include "saccade/error.hpp"

namespace saccade {

namespace {

constexpr std::size_t kLevels = 256;
constexpr int kHashSide = 32;        // luma at this size is transformed
constexpr int kHashFrequencies = 8;  // and this many of the lowest frequencies a side are kept
constexpr int kCosineBits = 14;
constexpr float kSaturationUnit = 65536.0F;

using Histogram = std::array<std::uint32_t, kLevels>;

/// Pillow's convert("L").
SACCADE_MULTIVERSION
void luma_plane(std::span<const std::uint8_t> pixels, std::span<std::uint8_t> luma) {
    const std::uint8_t* pixel = pixels.data();
    for (std::size_t i = 0; i < luma.size(); ++i) {
        const int sum = 19595 * pixel[3 * i] + 38470 * pixel[3 * i + 1] + 7471 * pixel[3 * i + 2] + 0x8000;
        luma[i] = static_cast<std::uint8_t>(sum >> 16);
    }
}

/// Sum over the pixels of (max - min) / max, each rounded to 1 / kSaturationUnit so that the order does not matter.
SACCADE_MULTIVERSION
std::int64_t saturation_sum(std::span<const std::uint8_t> pixels) {
    std::int64_t sum = 0;
    const std::uint8_t* pixel = pixels.data();
    for (std::size_t i = 0; i < pixels.size() / kChannels; ++i) {
        const int red = pixel[3 * i];
        const int green = pixel[3 * i + 1];
        const int blue = pixel[3 * i + 2];
        const int highest = std::max(red, std::max(green, blue));
        const int spread = highest - std::min(red, std::min(green, blue));
        const float ratio = static_cast<float>(spread) / static_cast<float>(std::max(highest, 1));
        sum += static_cast<std::int32_t>(ratio * kSaturationUnit + 0.5F);
    }
    return sum;
}

Histogram histogram_of(std::span<const std::uint8_t> luma) {
    Histogram histogram{};
    for (const std::uint8_t level : luma) ++histogram[level];
    return histogram;
}

double entropy_bits(const Histogram& histogram, double count) {
    double entropy = 0;
    for (const std::uint32_t bin : histogram) {
        if (bin != 0) entropy -= bin / count * std::log2(bin / count);
    }
    return entropy;
}

struct Moments {
    std::int64_t sum = 0;
    std::int64_t squares = 0;

    [[nodiscard]] double variance(double count) const {
        const double mean = static_cast<double>(sum) / count;
        return std::max(0.0, static_cast<double>(squares) / count - mean * mean);
    }
};

Moments moments_of(const Histogram& histogram) {
    Moments moments;
    for (std::size_t level = 0; level < kLevels; ++level) {
        moments.sum += static_cast<std::int64_t>(level * histogram[level]);
        moments.squares += static_cast<std::int64_t>(level * level * histogram[level]);
    }
    return moments;
}

/// Adds the Laplacian of the inner pixels of one row. Sides stay below 2^15, so 32 bits hold a row's sum; its squares
/// need 64.
SACCADE_MULTIVERSION
void add_laplacian(const std::uint8_t* row, std::ptrdiff_t width, Moments& moments) {
    std::int32_t sum = 0;
    std::int64_t squares = 0;
    for (std::ptrdiff_t x = 1; x + 1 < width; ++x) {
        const std::int32_t value = 4 * row[x] - row[x - 1] - row[x + 1] - row[x - width] - row[x + width];
        sum += value;
        squares += value * value;
    }
    moments.sum += sum;
    moments.squares += squares;
}

double sharpness_of(std::span<const std::uint8_t> luma, Size size) {
    if (size.height < 3 || size.width < 3) return 0;
    Moments moments;
    for (int y = 1; y + 1 < size.height; ++y) {
        add_laplacian(luma.data() + static_cast<std::ptrdiff_t>(y) * size.width, size.width, moments);
    }
    const Size inner{size.height - 2, size.width - 2};
    return moments.variance(static_cast<double>(inner.pixels())) / (255.0 * 255.0);
}

using HashPlane = std::array<std::int32_t, kHashSide * kHashSide>;

/// Luma at kHashSide x kHashSide: rows first, since whole rows blend fastest.
HashPlane shrunk_luma(std::span<const std::uint8_t> luma, Size size) {
    std::vector<std::int32_t> weights;
    const std::vector<Tap> rows =
        make_taps({size.height, 0, static_cast<double>(size.height), kHashSide}, 0, kHashSide, weights);
    const std::vector<Tap> columns =
        make_taps({size.width, 0, static_cast<double>(size.width), kHashSide}, 0, kHashSide, weights);
    const auto row_bytes = static_cast<std::size_t>(size.width);
    std::vector<std::uint8_t> blended(row_bytes);
    HashPlane plane{};
    for (std::size_t y = 0; y < kHashSide; ++y) {
        blend_rows(luma.data() + static_cast<std::size_t>(rows[y].first) * row_bytes, row_bytes, rows[y].count,
                   weights.data() + rows[y].first_weight, blended.data());
        for (std::size_t x = 0; x < kHashSide; ++x) {
            std::int32_t sum = kHalfWeight;
            for (int i = 0; i < columns[x].count; ++i) {
                const auto tap = static_cast<std::size_t>(i);
                sum +=
                    blended[static_cast<std::size_t>(columns[x].first) + tap] * weights[columns[x].first_weight + tap];
            }
            plane[y * kHashSide + x] = level_of(sum);
        }
    }
    return plane;
}

using CosineTable = std::array<std::array<std::int32_t, kHashSide>, kHashFrequencies>;

/// Cosines of the DCT-II in fixed point: the hash of a flat image is then free of rounding noise.
CosineTable make_cosines() {
    CosineTable table{};
    for (std::size_t k = 0; k < kHashFrequencies; ++k) {
        for (std::size_t n = 0; n < kHashSide; ++n) {
            const double angle = std::numbers::pi * static_cast<double>((2 * n + 1) * k) / (2.0 * kHashSide);
            table[k][n] = static_cast<std::int32_t>(std::lround(std::cos(angle) * (1 << kCosineBits)));
        }
    }
    return table;
}

using Frequencies = std::array<std::int64_t, kHashFrequencies * kHashFrequencies>;

Frequencies low_frequencies(const HashPlane& plane) {
    static const CosineTable cosines = make_cosines();
    Frequencies frequencies{};
    for (std::size_t k = 0; k < kHashFrequencies; ++k) {
        std::array<std::int32_t, kHashSide> column_sums{};  // |sum| <= 32 * 255 * 2^14 < 2^31
        for (std::size_t y = 0; y < kHashSide; ++y) {
            for (std::size_t x = 0; x < kHashSide; ++x) column_sums[x] += cosines[k][y] * plane[y * kHashSide + x];
        }
        for (std::size_t l = 0; l < kHashFrequencies; ++l) {
            for (std::size_t x = 0; x < kHashSide; ++x) {
                frequencies[k * kHashFrequencies + l] += std::int64_t{column_sums[x]} * cosines[l][x];
            }
        }
    }
    return frequencies;
}

std::uint64_t perceptual_hash_of(std::span<const std::uint8_t> luma, Size size) {
    const Frequencies frequencies = low_frequencies(shrunk_luma(luma, size));
    Frequencies sorted = frequencies;
    std::ranges::sort(sorted);
    const std::int64_t twice_median = sorted[sorted.size() / 2 - 1] + sorted[sorted.size() / 2];
    std::uint64_t hash = 0;
    for (const std::int64_t frequency : frequencies) hash = hash << 1U | (2 * frequency > twice_median ? 1U : 0U);
    return hash;
}

}  // namespace

ImageStatistics image_statistics(PixelsView pixels) {
    if (pixels.size.height <= 0 || pixels.size.width <= 0 || pixels.data.size() != pixels.size.bytes()) {
        throw Error(Code::kArgument, "Statistics need an image of at least one pixel, (H, W, 3) uint8.");
    }
    thread_local std::vector<std::uint8_t> luma;
    luma.resize(pixels.size.pixels());
    luma_plane(pixels.data, luma);
    const auto count = static_cast<double>(luma.size());
    const Histogram histogram = histogram_of(luma);
    const Moments moments = moments_of(histogram);
    return {
        .brightness = static_cast<float>(static_cast<double>(moments.sum) / count / 255.0),
        .contrast = static_cast<float>(std::sqrt(moments.variance(count)) / 255.0),
        .sharpness = static_cast<float>(sharpness_of(luma, pixels.size)),
        .saturation = static_cast<float>(static_cast<double>(saturation_sum(pixels.data)) / count / kSaturationUnit),
        .entropy = static_cast<float>(entropy_bits(histogram, count)),
        .perceptual_hash = perceptual_hash_of(luma, pixels.size),
    };
}

}  // namespace saccade
