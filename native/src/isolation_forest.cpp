#include "saccade/isolation_forest.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "saccade/error.hpp"

namespace saccade {

namespace {

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(Code::kSpec, "The isolation forest " + reason + ". Evaluate again to make the bundle whole.");
}

void check_node(const IsolationForestArrays& arrays, std::int32_t node, std::size_t components) {
    const auto at = static_cast<std::size_t>(node);
    if (arrays.feature[at] < 0) return;
    const auto nodes = static_cast<std::int32_t>(arrays.feature.size());
    if (static_cast<std::size_t>(arrays.feature[at]) >= components) {
        refuse("compares a component that the projection lacks, at node " + std::to_string(node));
    }
    // Children after their parent: no walk can go round in circles.
    const auto [first, last] = std::minmax(arrays.left[at], arrays.right[at]);
    if (first <= node || last >= nodes) refuse("has a child out of place at node " + std::to_string(node));
}

}  // namespace

IsolationForest::IsolationForest(IsolationForestArrays arrays) : arrays_(std::move(arrays)) {
    const std::size_t nodes = arrays_.feature.size();
    if (arrays_.mean.empty() || arrays_.roots.empty() || arrays_.projection.size() % arrays_.mean.size() != 0) {
        refuse("has no trees, or a projection that does not fit its features");
    }
    if (arrays_.threshold.size() != nodes || arrays_.left.size() != nodes || arrays_.right.size() != nodes ||
        arrays_.path_length.size() != nodes) {
        refuse("has node arrays of different lengths");
    }
    if (!(arrays_.normalizer > 0)) refuse("has a normalizer that is not above 0");
    components_ = arrays_.projection.size() / arrays_.mean.size();
    for (const std::int32_t root : arrays_.roots) {
        if (root < 0 || static_cast<std::size_t>(root) >= nodes) refuse("has a root that is no node");
    }
    for (std::size_t node = 0; node < nodes; ++node) check_node(arrays_, static_cast<std::int32_t>(node), components_);
}

double IsolationForest::score(std::span<const float> features) const {
    std::vector<double> sums(components_, 0.0);
    for (std::size_t i = 0; i < features.size(); ++i) {
        const double centred = static_cast<double>(features[i]) - arrays_.mean[i];
        const double* row = arrays_.projection.data() + i * components_;
        for (std::size_t j = 0; j < components_; ++j) sums[j] += centred * row[j];
    }
    // The trees were grown on float32 components and must compare the same.
    const std::vector<float> components(sums.begin(), sums.end());
    double total = 0;
    for (const std::int32_t root : arrays_.roots) total += path_length(root, components);
    return std::exp2(-total / static_cast<double>(arrays_.roots.size()) / arrays_.normalizer);
}

double IsolationForest::path_length(std::int32_t root, std::span<const float> components) const {
    auto node = static_cast<std::size_t>(root);
    while (arrays_.feature[node] >= 0) {
        const double value = static_cast<double>(components[static_cast<std::size_t>(arrays_.feature[node])]);
        node = static_cast<std::size_t>(value <= arrays_.threshold[node] ? arrays_.left[node] : arrays_.right[node]);
    }
    return arrays_.path_length[node];
}

}  // namespace saccade
