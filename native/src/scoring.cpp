#include "saccade/scoring.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>

#include "saccade/error.hpp"

namespace saccade {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw Error(Code::kSpec, what + ". Evaluate again to make the bundle whole.");
}

void check_view(const View& view, Size size) {
    if (!(view.weight > 0) || !std::isfinite(view.weight)) {
        refuse("A view weighs " + std::to_string(view.weight) + " and must weigh a number above 0");
    }
    if (std::abs(std::int64_t{view.dy}) >= size.height || std::abs(std::int64_t{view.dx}) >= size.width) {
        refuse("A view moves the image by (" + std::to_string(view.dy) + ", " + std::to_string(view.dx) +
               ") pixels, which is its size or more");
    }
}

/// Reflects an index into [0, size), the border pixel not repeated: -1 is 1, size is size - 2.
int reflected(int index, int size) {
    if (index < 0) return -index;
    return index < size ? index : 2 * (size - 1) - index;
}

}  // namespace

void Scoring::check(Size size) const {
    if (!(temperature > 0) || !std::isfinite(temperature)) {
        refuse("The temperature is " + std::to_string(temperature) + " and must be a number above 0");
    }
    if (top_k < 1) refuse("top_k is " + std::to_string(top_k) + " and must be at least 1");
    if (std::isnan(view_threshold) || std::isnan(ood_threshold)) refuse("A threshold is not a number");
    if (views.empty()) refuse("There is no view. The first one must be the image as it is");
    const View& first = views.front();
    if (first.flip || first.dy != 0 || first.dx != 0) refuse("The first view must be the image as it is");
    for (const View& view : views) check_view(view, size);
    if (ood_detector == OodDetector::kIsolationForest && !forest) refuse("The isolation forest decides but is missing");
}

void softmax(std::span<const float> logits, float temperature, std::span<float> probabilities) {
    const float highest = *std::ranges::max_element(logits);
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double value = std::exp(static_cast<double>(logits[i] - highest) / static_cast<double>(temperature));
        probabilities[i] = static_cast<float>(value);
        sum += value;
    }
    for (float& probability : probabilities) {
        probability = static_cast<float>(static_cast<double>(probability) / sum);
    }
}

float energy(std::span<const float> logits, float temperature) {
    const auto scale = static_cast<double>(temperature);
    const auto highest = static_cast<double>(*std::ranges::max_element(logits));
    double sum = 0;
    for (const float logit : logits) sum += std::exp((static_cast<double>(logit) - highest) / scale);
    return static_cast<float>(-highest - scale * std::log(sum));
}

std::vector<std::pair<int, float>> top_classes(std::span<const float> probabilities, int count) {
    std::vector<int> order(probabilities.size());
    std::iota(order.begin(), order.end(), 0);
    const auto kept = std::min(order.size(), static_cast<std::size_t>(count));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), [&](int a, int b) {
        const float first = probabilities[static_cast<std::size_t>(a)];
        const float second = probabilities[static_cast<std::size_t>(b)];
        return first != second ? first > second : a < b;
    });
    std::vector<std::pair<int, float>> top;
    for (std::size_t i = 0; i < kept; ++i)
        top.emplace_back(order[i], probabilities[static_cast<std::size_t>(order[i])]);
    return top;
}

void take_view(std::span<const float> from, Size size, const View& view, std::span<float> to) {
    std::vector<std::size_t> columns(static_cast<std::size_t>(size.width));
    for (int x = 0; x < size.width; ++x) {
        const int moved = view.flip ? size.width - 1 - x : x;
        columns[static_cast<std::size_t>(x)] = static_cast<std::size_t>(reflected(moved - view.dx, size.width));
    }
    float* target = to.data();
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
        const float* plane = from.data() + channel * size.pixels();
        for (int y = 0; y < size.height; ++y) {
            const auto row = static_cast<std::size_t>(reflected(y - view.dy, size.height));
            const float* source = plane + row * columns.size();
            for (const std::size_t column : columns) *target++ = source[column];
        }
    }
}

}  // namespace saccade
