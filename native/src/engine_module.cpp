#include "saccade/engine_module.hpp"

#include <dlfcn.h>

#include <cstring>

#include "saccade/engine_abi.h"
#include "saccade/error.hpp"
#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

[[noreturn]] void refuse(const std::string& module, const std::string& reason) {
    throw Error(Code::kEngine, "The engine module '" + module + "' " + reason);
}

/// The reason that a module gave, which may have forgotten to end it, or to give one.
Error error_of(const saccade_engine_message& message) {
    const std::string text(message.text, strnlen(message.text, sizeof message.text));
    return {Code::kEngine, text.empty() ? "The engine module failed without a reason. Install it again." : text};
}

void* load(const std::string& module) {
    // Local: a second copy of a library that the module brings along must not answer for the process's first.
    void* const library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) refuse(module, std::string("does not load: ") + dlerror() + ". Install it again.");
    return library;
}

template <typename Function>
Function* function_of(void* library, const std::string& module, const char* name) {
    void* const symbol = dlsym(library, name);
    if (symbol == nullptr) refuse(module, std::string("is none: it lacks '") + name + "'. Pass the path of a module.");
    return reinterpret_cast<Function*>(symbol);
}

void check_version(void* library, const std::string& module) {
    auto* const version =
        function_of<decltype(saccade_engine_abi_version)>(library, module, "saccade_engine_abi_version");
    const std::uint32_t found = version();
    if (found == SACCADE_ENGINE_ABI_VERSION) return;
    refuse(module, "speaks version " + std::to_string(found) + " of the engine interface, saccade-native version " +
                       std::to_string(SACCADE_ENGINE_ABI_VERSION) + ". Install both from the same release.");
}

class ModuleEngine final : public Engine {
  public:
    ModuleEngine(const saccade_engine& engine, Size size) : engine_(engine), size_(size) {}
    ~ModuleEngine() override { engine_.close(engine_.state); }

    [[nodiscard]] Precision precision() const override { return static_cast<Precision>(engine_.precision); }
    [[nodiscard]] Size size() const override { return size_; }
    [[nodiscard]] std::size_t classes() const override { return engine_.classes; }
    [[nodiscard]] std::size_t features() const override { return engine_.features; }

    void infer(std::span<const float> images, std::size_t count, std::span<float> logits,
               std::span<float> features) override {
        saccade_engine_message message{};
        float* const wanted_features = features.empty() ? nullptr : features.data();
        const std::int32_t status =
            engine_.infer(engine_.state, images.data(), count, logits.data(), wanted_features, &message);
        if (status != 0) throw error_of(message);
    }

  private:
    saccade_engine engine_;
    Size size_;
};

}  // namespace

std::unique_ptr<Engine> open_engine_module(const std::string& module, const std::string& model, Size size,
                                           unsigned threads) {
    void* const library = load(module);
    check_version(library, module);
    auto* const open = function_of<decltype(saccade_engine_open)>(library, module, "saccade_engine_open");
    const saccade_engine_request request{model.c_str(), size.height, size.width,
                                         threads == 0 ? available_processors() : threads};
    saccade_engine engine{};
    saccade_engine_message message{};
    if (open(&request, &engine, &message) != 0) throw error_of(message);
    return std::make_unique<ModuleEngine>(engine, size);
}

}  // namespace saccade
