#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "saccade/image.hpp"

namespace saccade {

/// Arithmetic of the engine. kBfloat16 becomes kFloat32 on a processor without bfloat16 instructions. kInt8 is a
/// property of the model: its layers were quantised when it was made, and a model without such layers cannot be run so.
enum class Precision { kFloat32, kBfloat16, kInt8 };

/// A network compiled for this machine's processor: OpenVINO behind a plain interface.
///
/// The model has one input, (N, 3, H, W) float32 with N free, and two outputs: logits (N, K) and features (N, D). Calls
/// of infer must not overlap.
class Engine {
  public:
    /// model: path of an OpenVINO IR (.xml, its .bin beside it).   threads: 0 means every processor.
    /// Raises Error{kEngine} for a model that is missing, damaged, or of another shape than size.
    Engine(const std::string& model, Size size, unsigned threads, Precision precision);
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    [[nodiscard]] Precision precision() const { return precision_; }
    /// K.
    [[nodiscard]] std::size_t classes() const { return classes_; }
    /// D.
    [[nodiscard]] std::size_t features() const { return features_; }

    /// images: (count, 3, H, W).   logits: (count, K).   features: (count, D), or empty when they are not wanted.
    /// Raises Error{kEngine} when the engine fails.
    void infer(std::span<const float> images, std::size_t count, std::span<float> logits, std::span<float> features);

  private:
    struct Compiled;

    std::unique_ptr<Compiled> compiled_;
    Size size_;
    Precision precision_ = Precision::kFloat32;
    std::size_t classes_ = 0;
    std::size_t features_ = 0;
};

}  // namespace saccade
