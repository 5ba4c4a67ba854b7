#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace saccade {

// Pillow's fixed point: 22 bits after the point leave 8 for the level and 2 for the sum's overshoot.
inline constexpr int kWeightBits = 22;
inline constexpr std::int32_t kHalfWeight = 1 << (kWeightBits - 1);

/// Which input samples one output sample is made of: samples [first, first + count), weights from first_weight on.
struct Tap {
    int first;
    int count;
    std::size_t first_weight;
};

/// One direction of a resize: the range [begin, end) of `samples` input samples is brought to `size` output samples.
struct Axis {
    int samples;
    double begin;
    double end;
    int size;

    [[nodiscard]] bool is_identity() const { return size == samples && begin == 0.0 && end == samples; }
};

/// Taps of the triangle filter for the output samples [from, from + count); appends their weights.
std::vector<Tap> make_taps(const Axis& axis, int from, int count, std::vector<std::int32_t>& weights);

/// Weighted sum of `count` rows of row_bytes levels each, packed one after the other.
void blend_rows(const std::uint8_t* from, std::size_t row_bytes, int count, const std::int32_t* weights,
                std::uint8_t* to);

/// A fixed-point sum that includes kHalfWeight, as a level.
inline std::uint8_t level_of(std::int32_t sum) {
    return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

}  // namespace saccade
