#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// One direction of a resize: the range [begin, end) of `samples` input samples is brought to `size` output samples.
struct Axis {
    int samples;
    double begin;
    double end;
    int size;

    [[nodiscard]] bool is_identity() const { return size == samples && begin == 0.0 && end == samples; }
};

/// Taps of a filter for the output samples [from, from + count); appends their weights.
/// Samples of which the range covers a quarter or less are not used: a scaled decode mixes its last samples with the
/// encoder's padding. The range must not be enlarged then.
std::vector<Tap> make_taps(const Axis& axis, Filter filter, int from, int count, std::vector<std::int32_t>& weights);

}  // namespace saccade
