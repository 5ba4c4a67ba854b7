#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace saccade {

/// Trees over P whitened components of D features; all trees' nodes stand in one array, parents before children.
struct IsolationForestArrays {
    std::vector<double> mean;           ///< (D) of the training features
    std::vector<double> projection;     ///< (D, P) row by row: component = (features - mean) * projection
    std::vector<std::int32_t> roots;    ///< (trees) index of each tree's root
    std::vector<std::int32_t> feature;  ///< (nodes) component that a node compares; -1 at a leaf
    std::vector<double> threshold;      ///< (nodes) go left where component <= threshold
    std::vector<std::int32_t> left;     ///< (nodes) index of a child; -1 at a leaf
    std::vector<std::int32_t> right;    ///< (nodes)
    std::vector<double> path_length;    ///< (nodes) at a leaf: edges to it, plus the mean path in a tree of its samples
    double normalizer = 1;              ///< mean path length in a tree of the samples that each tree saw
};

/// How easily random cuts isolate an image's features from the training data's (Liu et al. 2008).
class IsolationForest {
  public:
    /// Raises Error{kSpec} for arrays that do not hang together, so that score() always ends inside them.
    explicit IsolationForest(IsolationForestArrays arrays);

    /// D.
    [[nodiscard]] std::size_t features() const { return arrays_.mean.size(); }

    /// 2^(-mean path length / normalizer), in (0, 1); larger is more unusual.   features: (D).
    [[nodiscard]] double score(std::span<const float> features) const;

  private:
    [[nodiscard]] double path_length(std::int32_t root, std::span<const float> components) const;

    IsolationForestArrays arrays_;
    std::size_t components_ = 0;
};

}  // namespace saccade
