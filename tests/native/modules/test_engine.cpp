/// An engine module of three classes and two features that does what the name of its model says.
#include <stdexcept>
#include <string>

#include "saccade/engine_export.hpp"

namespace {

int open_engines = 0;

void fail_as_told(const std::string& model) {
    if (model == "throws") throw std::runtime_error("the test model throws");
    if (model == "throws no exception") throw 42;
    if (model == "throws a long text") throw std::runtime_error(std::string(5000, 'x'));
    if (model == "throws an empty text") throw std::runtime_error("");
}

class TestEngine final : public saccade::Engine {
  public:
    explicit TestEngine(const saccade_engine_request& request)
        : model_(request.model), size_{request.height, request.width}, threads_(request.threads) {
        fail_as_told(model_);
        ++open_engines;
    }
    ~TestEngine() override { --open_engines; }

    [[nodiscard]] saccade::Precision precision() const override {
        return model_ == "bfloat16" ? saccade::Precision::kBfloat16 : saccade::Precision::kFloat32;
    }
    [[nodiscard]] saccade::Size size() const override { return size_; }
    [[nodiscard]] std::size_t classes() const override { return 3; }
    [[nodiscard]] std::size_t features() const override { return 2; }

    /// Logits: an image's first and last value, and the number of threads.   Features: the number of images, and of
    /// values.
    void infer(std::span<const float> images, std::size_t count, std::span<float> logits,
               std::span<float> features) override {
        if (model_ == "fails later") throw std::runtime_error("the test model fails later");
        const std::size_t values = images.size() / count;
        for (std::size_t i = 0; i < count; ++i) {
            logits[3 * i] = images[i * values];
            logits[3 * i + 1] = images[(i + 1) * values - 1];
            logits[3 * i + 2] = static_cast<float>(threads_);
            if (features.empty()) continue;
            features[2 * i] = static_cast<float>(count);
            features[2 * i + 1] = static_cast<float>(images.size());
        }
    }

  private:
    std::string model_;
    saccade::Size size_;
    unsigned threads_;
};

}  // namespace

SACCADE_ENGINE_EXPORT std::uint32_t saccade_engine_abi_version() {
    return SACCADE_ENGINE_ABI_VERSION;
}

SACCADE_ENGINE_EXPORT std::int32_t saccade_engine_open(const saccade_engine_request* request, saccade_engine* engine,
                                                       saccade_engine_message* message) {
    return saccade::guarded(*message, [&] { *engine = saccade::exported(std::make_unique<TestEngine>(*request)); });
}

/// How many engines are open now, for the test to see.
SACCADE_ENGINE_EXPORT int test_open_engines() {
    return open_engines;
}
