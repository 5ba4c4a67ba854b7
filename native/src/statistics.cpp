#include "saccade/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "filter.hpp"
#include "saccade/error.hpp"

namespace saccade {

namespace {

constexpr std::size_t kLevels = 256;
constexpr int kHashSide = 32;        // luma at this size is transformed
constexpr int kHashFrequencies = 8;  // and this many of the lowest frequencies a side are kept
constexpr int kCosineBits = 14;

using Histogram = std::array<std::uint32_t, kLevels>;

Histogram histogram_of(std::span<const std::uint8_t> luma) {
    // Neighbours are often equal: four tables keep one count from waiting for the other.
    constexpr std::size_t kTables = 4;
    std::array<Histogram, kTables> tables{};
    std::size_t i = 0;
    for (; i + kTables <= luma.size(); i += kTables) {
        for (std::size_t t = 0; t < kTables; ++t) ++tables[t][luma[i + t]];
    }
    for (; i < luma.size(); ++i) ++tables[0][luma[i]];
    for (std::size_t level = 0; level < kLevels; ++level) {
        tables[0][level] += tables[1][level] + tables[2][level] + tables[3][level];
    }
    return tables[0];
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

double sharpness_of(std::span<const std::uint8_t> luma, Size size) {
    if (size.height < 3 || size.width < 3) return 0;
    Moments moments;
    for (int y = 1; y + 1 < size.height; ++y) {
        const auto width = static_cast<std::size_t>(size.width);
        const RowMoments row = kernels().laplacian(luma.data() + static_cast<std::size_t>(y) * width, width);
        moments.sum += row.sum;
        moments.squares += row.squares;
    }
    const Size inner{size.height - 2, size.width - 2};
    return moments.variance(static_cast<double>(inner.pixels())) / (255.0 * 255.0);
}

using HashPlane = std::array<std::int32_t, kHashSide * kHashSide>;

/// Luma at kHashSide x kHashSide: rows first, since whole rows blend fastest.
HashPlane shrunk_luma(std::span<const std::uint8_t> luma, Size size) {
    std::vector<std::int32_t> weights;
    const std::vector<Tap> rows = make_taps({size.height, 0, static_cast<double>(size.height), kHashSide},
                                            Filter::kTriangle, 0, kHashSide, weights);
    const std::vector<Tap> columns = make_taps({size.width, 0, static_cast<double>(size.width), kHashSide},
                                               Filter::kTriangle, 0, kHashSide, weights);
    const auto row_bytes = static_cast<std::size_t>(size.width);
    std::vector<std::uint8_t> blended(row_bytes);
    HashPlane plane{};
    for (std::size_t y = 0; y < kHashSide; ++y) {
        kernels().blend_rows(luma.data() + static_cast<std::size_t>(rows[y].first) * row_bytes, row_bytes, row_bytes,
                             rows[y].count, weights.data() + rows[y].first_weight, blended.data());
        for (std::size_t x = 0; x < kHashSide; ++x) {
            std::int32_t sum = kHalfWeight;
            for (int i = 0; i < columns[x].count; ++i) {
                const auto tap = static_cast<std::size_t>(i);
                sum +=
                    blended[static_cast<std::size_t>(columns[x].first) + tap] * weights[columns[x].first_weight + tap];
            }
            plane[y * kHashSide + x] = sum >> kWeightBits;
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
    kernels().luma(pixels.data.data(), luma.size(), luma.data());
    const auto count = static_cast<double>(luma.size());
    const Histogram histogram = histogram_of(luma);
    const Moments moments = moments_of(histogram);
    return {
        .brightness = static_cast<float>(static_cast<double>(moments.sum) / count / 255.0),
        .contrast = static_cast<float>(std::sqrt(moments.variance(count)) / 255.0),
        .sharpness = static_cast<float>(sharpness_of(luma, pixels.size)),
        .saturation = static_cast<float>(static_cast<double>(kernels().saturation(pixels.data.data(), luma.size())) /
                                         count / kSaturationUnit),
        .entropy = static_cast<float>(entropy_bits(histogram, count)),
        .perceptual_hash = perceptual_hash_of(luma, pixels.size),
    };
}

}  // namespace saccade
