#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "saccade/random.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// How each image of one batch is mixed with its partner, the image before it (the first one's is the last).
struct Mix {
    double weight = 1;  ///< of the image itself, in pixels and in its label; the partner's is 1 - weight
    Crop pasted{};      ///< what the partner's pixels replace; empty when all pixels are averaged

    /// image: HWC uint8 RGB of this size, mixed in place.   partner: the same, not yet mixed.
    void apply(std::span<std::uint8_t> image, std::span<const std::uint8_t> partner, Size size) const;
};

/// Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019); with both, each batch takes one of them at random.
struct Mixing {
    std::optional<double> mixup_alpha;
    std::optional<double> cutmix_alpha;

    [[nodiscard]] bool is_on() const { return mixup_alpha || cutmix_alpha; }
    /// The mix of a batch: weights are drawn from Beta(alpha, alpha), the box's centre is uniform over the picture.
    [[nodiscard]] Mix draw(std::uint64_t seed, std::uint32_t epoch, std::uint32_t batch, Size size) const;
};

}  // namespace saccade
