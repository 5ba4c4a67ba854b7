#include "filter.hpp"

#include <algorithm>
#include <cmath>

namespace saccade {

namespace {

constexpr double kLeastShare = 0.25;

}  // namespace

std::vector<Tap> make_taps(const Axis& axis, int from, int count, std::vector<std::int32_t>& weights) {
    // Pillow's precompute_coeffs, operation for operation; it holds the box in single precision.
    const double scale = static_cast<double>(static_cast<float>(axis.end) - static_cast<float>(axis.begin)) / axis.size;
    const double support = std::max(scale, 1.0);
    const double inverse = 1.0 / support;
    const int lowest = static_cast<int>(std::floor(axis.begin + kLeastShare));
    const int highest = static_cast<int>(std::ceil(axis.end - kLeastShare));
    std::vector<Tap> taps;
    taps.reserve(static_cast<std::size_t>(count));
    std::vector<double> exact;
    for (int i = from; i < from + count; ++i) {
        const double center = static_cast<float>(axis.begin) + (i + 0.5) * scale;
        const int first = std::max(lowest, static_cast<int>(center - support + 0.5));
        const int last = std::min(highest, static_cast<int>(center + support + 0.5));
        exact.clear();
        double sum = 0.0;
        for (int sample = first; sample < last; ++sample) {
            const double weight = std::max(0.0, 1.0 - std::abs((sample - center + 0.5) * inverse));
            exact.push_back(weight);
            sum += weight;
        }
        taps.push_back({first, last - first, weights.size()});
        for (const double weight : exact) {
            const double share = sum != 0.0 ? weight / sum : weight;
            weights.push_back(static_cast<std::int32_t>(0.5 + share * (1 << kWeightBits)));
        }
    }
    return taps;
}

}  // namespace saccade
