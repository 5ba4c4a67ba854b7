#pragma once

#include <algorithm>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include "saccade/engine.hpp"
#include "saccade/engine_abi.h"

/// For the one source file of a module that defines the functions of engine_abi.h.
#define SACCADE_ENGINE_EXPORT extern "C" __attribute__((visibility("default")))

namespace saccade {

/// Copies text into message, cut to what fits.
inline void write_message(std::string_view text, saccade_engine_message& message) noexcept {
    const std::size_t length = std::min(text.size(), sizeof message.text - 1);
    *std::copy_n(text.begin(), length, message.text) = '\0';
}

/// Calls function and returns 0, or puts what it threw into message and returns 1.
template <typename Function>
std::int32_t guarded(saccade_engine_message& message, Function&& function) noexcept {
    try {
        std::forward<Function>(function)();
        return 0;
    } catch (const std::exception& error) {
        write_message(error.what(), message);
    } catch (...) {
        write_message("The engine module threw what is no exception.", message);
    }
    return 1;
}

inline Engine& engine_of(void* state) noexcept {
    return *static_cast<Engine*>(state);
}

inline std::int32_t exported_infer(void* state, const float* images, std::uint64_t count, float* logits,
                                   float* features, saccade_engine_message* message) noexcept {
    return guarded(*message, [&] {
        Engine& engine = engine_of(state);
        const std::size_t values = engine.size().bytes();
        const std::span<float> features_span =
            features == nullptr ? std::span<float>() : std::span(features, count * engine.features());
        engine.infer(std::span(images, count * values), count, std::span(logits, count * engine.classes()),
                     features_span);
    });
}

inline void exported_close(void* state) noexcept {
    const std::unique_ptr<Engine> owner(&engine_of(state));
}

/// The engine as a C structure, which owns it until its close is called.
inline saccade_engine exported(std::unique_ptr<Engine> engine) {
    const std::uint64_t classes = engine->classes();
    const std::uint64_t features = engine->features();
    const auto precision = static_cast<std::int32_t>(engine->precision());
    return {engine.release(), classes, features, precision, &exported_infer, &exported_close};
}

}  // namespace saccade
