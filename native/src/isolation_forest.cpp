#include "saccade/isolation_forest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "saccade/error.hpp"

namespace saccade {

namespace {

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(Code::kSpec, "The isolation forest " + reason + ". Evaluate again to make the bundle whole.");
}

void check_lengths(const IsolationForestArrays& arrays) {
    const std::size_t nodes = arrays.feature.size();
    if (arrays.threshold.size() != nodes || arrays.left.size() != nodes || arrays.right.size() != nodes ||
        arrays.path_length.size() != nodes) {
        refuse("has node arrays of different lengths");
    }
    if (arrays.features == 0 || arrays.centres.empty() || arrays.centres.size() % arrays.features != 0) {
        refuse("has no centres, or centres that do not fit its features");
    }
    if (arrays.roots.empty()) refuse("has no trees");
    if (!(arrays.normalizer > 0)) refuse("has a normalizer that is not above 0");
}

void check_node(const IsolationForestArrays& arrays, std::size_t node) {
    if (arrays.feature[node] < 0) return;
    if (static_cast<std::size_t>(arrays.feature[node]) >= arrays.features) {
        refuse("compares a feature that does not exist, at node " + std::to_string(node));
    }
    // Children after their parent: no walk can go round in circles.
    const auto [first, last] = std::minmax(arrays.left[node], arrays.right[node]);
    if (first <= static_cast<std::int64_t>(node) || static_cast<std::size_t>(last) >= arrays.feature.size()) {
        refuse("has a child out of place, at node " + std::to_string(node));
    }
}

void check(const IsolationForestArrays& arrays) {
    check_lengths(arrays);
    for (const std::int32_t root : arrays.roots) {
        if (root < 0 || static_cast<std::size_t>(root) >= arrays.feature.size()) refuse("has a root that is no node");
    }
    for (std::size_t node = 0; node < arrays.feature.size(); ++node) check_node(arrays, node);
}

/// features / |features|; zeros stay zeros.
std::vector<double> unit_direction(std::span<const float> features) {
    std::vector<double> direction(features.begin(), features.end());
    double squares = 0;
    for (const double value : direction) squares += value * value;
    const double norm = std::max(std::sqrt(squares), std::numeric_limits<double>::min());
    for (double& value : direction) value /= norm;
    return direction;
}

}  // namespace

IsolationForest::IsolationForest(IsolationForestArrays arrays) : arrays_(std::move(arrays)) {
    check(arrays_);
    centres_ = arrays_.centres.size() / arrays_.features;
    columns_.resize(arrays_.centres.size());
    half_squared_norms_.resize(centres_);
    for (std::size_t c = 0; c < centres_; ++c) {
        for (std::size_t d = 0; d < arrays_.features; ++d) {
            const auto value = static_cast<double>(arrays_.centres[c * arrays_.features + d]);
            columns_[d * centres_ + c] = value;
            half_squared_norms_[c] += value * value / 2;
        }
    }
}

double IsolationForest::score(std::span<const float> features) const {
    if (features.size() != arrays_.features) {
        throw Error(Code::kArgument, "The isolation forest takes " + std::to_string(arrays_.features) +
                                         " features, not " + std::to_string(features.size()) + ".");
    }
    const std::vector<double> direction = unit_direction(features);
    const std::size_t nearest = nearest_centre(direction);
    // The trees were grown on float32 values and must compare the same.
    std::vector<float> deviation(features.size());
    for (std::size_t d = 0; d < deviation.size(); ++d) {
        deviation[d] = static_cast<float>(direction[d] - columns_[d * centres_ + nearest]);
    }
    double total = 0;
    for (const std::int32_t root : arrays_.roots) total += path_length(root, deviation);
    return std::exp2(-total / static_cast<double>(arrays_.roots.size()) / arrays_.normalizer);
}

std::size_t IsolationForest::nearest_centre(std::span<const double> direction) const {
    // |direction - centre|^2 is smallest where direction * centre - |centre|^2 / 2 is largest.
    std::vector<double> closeness(centres_);
    for (std::size_t c = 0; c < centres_; ++c) closeness[c] = -half_squared_norms_[c];
    for (std::size_t d = 0; d < direction.size(); ++d) {
        const double* column = columns_.data() + d * centres_;
        for (std::size_t c = 0; c < centres_; ++c) closeness[c] += direction[d] * column[c];
    }
    return static_cast<std::size_t>(std::ranges::max_element(closeness) - closeness.begin());
}

double IsolationForest::path_length(std::int32_t root, std::span<const float> deviation) const {
    auto node = static_cast<std::size_t>(root);
    while (arrays_.feature[node] >= 0) {
        const auto value = static_cast<double>(deviation[static_cast<std::size_t>(arrays_.feature[node])]);
        node = static_cast<std::size_t>(value <= arrays_.threshold[node] ? arrays_.left[node] : arrays_.right[node]);
    }
    return arrays_.path_length[node];
}

}  // namespace saccade
