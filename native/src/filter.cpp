#include "filter.hpp"

#include <algorithm>
#include <cmath>

namespace saccade {

namespace {

constexpr double kLeastShare = 0.25;

double triangle(double distance) {
    return std::max(0.0, 1.0 - distance);
}

/// Keys' cubic with a = -0.5, as Pillow writes it.
double bicubic(double distance) {
    constexpr double a = -0.5;
    if (distance < 1.0) return ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1;
    if (distance < 2.0) return (((distance - 5) * distance + 8) * distance - 4) * a;
    return 0.0;
}

std::int32_t fixed_point(double share) {
    return static_cast<std::int32_t>(share * (1 << kWeightBits) + (share < 0 ? -0.5 : 0.5));
}

}  // namespace

std::vector<Tap> make_taps(const Axis& axis, Filter filter, int from, int count, std::vector<std::int32_t>& weights) {
    // Pillow's precompute_coeffs, operation for operation; it holds the box in single precision.
    const double scale = static_cast<double>(static_cast<float>(axis.end) - static_cast<float>(axis.begin)) / axis.size;
    const double width = std::max(scale, 1.0);
    const double support = width * (filter == Filter::kTriangle ? 1.0 : 2.0);
    const double inverse = 1.0 / width;
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
            const double distance = std::abs((sample - center + 0.5) * inverse);
            exact.push_back(filter == Filter::kTriangle ? triangle(distance) : bicubic(distance));
            sum += exact.back();
        }
        taps.push_back({first, last - first, weights.size()});
        for (const double weight : exact) weights.push_back(fixed_point(sum != 0.0 ? weight / sum : weight));
    }
    return taps;
}

}  // namespace saccade
