#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace saccade {

/// Trees over D features; all trees' nodes stand in one array, parents before children.
struct IsolationForestArrays {
    std::size_t features = 0;           ///< D
    std::vector<float> centres;         ///< (C, D) mean direction of each class's training features
    std::vector<std::int32_t> roots;    ///< (trees) index of each tree's root
    std::vector<std::int32_t> feature;  ///< (nodes) index of the deviation that a node compares; negative at a leaf
    std::vector<double> threshold;      ///< (nodes) go left where deviation <= threshold
    std::vector<std::int32_t> left;     ///< (nodes) index of a child; any value at a leaf
    std::vector<std::int32_t> right;    ///< (nodes)
    std::vector<double> path_length;    ///< (nodes) at a leaf: edges to it, plus the mean path in a tree of its samples
    double normalizer = 1;              ///< mean path length in a tree of the samples that each tree saw
};

/// How easily random cuts isolate an image's features from the training data's (Liu et al. 2008).
///
/// The trees see float32(features / |features| - the nearest centre): how far, and whereto, the direction of the
/// features deviates from the nearest class.
class IsolationForest {
  public:
    /// Raises Error{kSpec} for arrays that do not hang together, so that score() always ends inside them.
    explicit IsolationForest(IsolationForestArrays arrays);

    /// D.
    [[nodiscard]] std::size_t features() const { return arrays_.features; }

    /// 2^(-mean path length / normalizer), in (0, 1); larger is more unusual.   features: (D).
    /// Raises Error{kArgument} for another number of features.
    [[nodiscard]] double score(std::span<const float> features) const;

  private:
    [[nodiscard]] std::size_t nearest_centre(std::span<const double> direction) const;
    [[nodiscard]] double path_length(std::int32_t root, std::span<const float> deviation) const;

    IsolationForestArrays arrays_;
    std::size_t centres_;                     // C
    std::vector<double> columns_;             // (D, C): centres transposed, so that the inner loop is over classes
    std::vector<double> half_squared_norms_;  // (C)
};

}  // namespace saccade
