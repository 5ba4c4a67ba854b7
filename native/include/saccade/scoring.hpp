#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "saccade/image.hpp"
#include "saccade/isolation_forest.hpp"

namespace saccade {

/// One way to look at an image: its content moved by (dy, dx) pixels, borders reflected, then mirrored left to right.
struct View {
    bool flip = false;
    int dy = 0;
    int dx = 0;
    float weight = 1;
};

/// Which score decides whether an image is out of distribution.
enum class OodDetector { kEnergy, kIsolationForest };

/// What turns the network's outputs into an answer; the model bundle holds it.
struct Scoring {
    float temperature = 1;            ///< logits are divided by it before softmax
    int top_k = 5;                    ///< most classes in Answer::top_k
    std::vector<View> views{View{}};  ///< the first is the image as it is
    /// Further views are taken where the first one's highest probability is below this; 0 takes none, above 1 always.
    float view_threshold = 0;
    OodDetector ood_detector = OodDetector::kEnergy;
    float ood_threshold = 0;  ///< a larger score is out of distribution, and so is one that is not a number
    std::optional<IsolationForest> forest = std::nullopt;

    /// Raises Error{kSpec} that names the impossible value. size: of the images that views are taken of.
    void check(Size size) const;
};

/// Softmax of logits / temperature into probabilities, both (K).
void softmax(std::span<const float> logits, float temperature, std::span<float> probabilities);

/// -temperature * log(sum(exp(logits / temperature))); larger is less like the training data (Liu et al. 2020, eq. 4).
float energy(std::span<const float> logits, float temperature);

/// The count most probable classes, most probable first; of equals the lower class.
std::vector<std::pair<int, float>> top_classes(std::span<const float> probabilities, int count);

/// Writes one view of an image. from and to: (3, H, W) float32, not the same memory. The view's shifts are smaller than
/// the image, or reflection could not fill it.
void take_view(std::span<const float> from, Size size, const View& view, std::span<float> to);

}  // namespace saccade
