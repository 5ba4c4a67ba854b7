#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "saccade/image.hpp"

namespace saccade {

/// Arithmetic of an engine. kInt8 is a property of the model: its layers were quantised when it was made.
/// engine_abi.h has the same numbers.
enum class Precision { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

/// What runs a network of one input, (N, 3, H, W) float32 with N free, and two outputs: logits (N, K) and features
/// (N, D).
///
/// open_openvino gives the one that is built in, open_engine_module any other.
class Engine {
  public:
    virtual ~Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    [[nodiscard]] virtual Precision precision() const = 0;
    /// H and W.
    [[nodiscard]] virtual Size size() const = 0;
    /// K.
    [[nodiscard]] virtual std::size_t classes() const = 0;
    /// D.
    [[nodiscard]] virtual std::size_t features() const = 0;

    /// images: (count, 3, H, W), count at least 1.   logits: (count, K).   features: (count, D), or empty when they are
    /// not wanted. Calls must not overlap, but may come from different threads.
    /// Raises Error{kEngine} when the engine fails.
    virtual void infer(std::span<const float> images, std::size_t count, std::span<float> logits,
                       std::span<float> features) = 0;

  protected:
    Engine() = default;
};

/// One network, ready to run in two ways.
struct Engines {
    std::unique_ptr<Engine> whole;               ///< every processor works on the same call: soonest done
    std::vector<std::unique_ptr<Engine>> lanes;  ///< a call and a processor each: most done. None: whole does all

    /// An engine that has no lanes.
    Engines(std::unique_ptr<Engine> engine) : whole(std::move(engine)) {}
    Engines() = default;
};

}  // namespace saccade
