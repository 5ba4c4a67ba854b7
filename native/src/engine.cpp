#include "saccade/engine.hpp"

#include <algorithm>
#include <openvino/openvino.hpp>
#include <vector>

#include "saccade/error.hpp"
#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

constexpr const char* kDevice = "CPU";

ov::Core& core() {
    static ov::Core instance;  // loading the plugin takes 0.1 s
    return instance;
}

bool has_bfloat16() {
    const std::vector<std::string> capabilities = core().get_property(kDevice, ov::device::capabilities);
    return std::ranges::find(capabilities, std::string("BF16")) != capabilities.end();
}

[[noreturn]] void refuse(const std::string& model, const std::string& reason) {
    throw Error(Code::kEngine, "The engine cannot use '" + model + "': " + reason + ". Export the model again.");
}

/// The last dimension of an output (N, X). Raises Error{kEngine} for any other shape.
std::size_t output_width(const ov::CompiledModel& compiled, std::size_t output, const std::string& model) {
    const ov::PartialShape shape = compiled.output(output).get_partial_shape();
    if (shape.rank() != 2 || shape[1].is_dynamic() || compiled.output(output).get_element_type() != ov::element::f32) {
        refuse(model, "output " + std::to_string(output) + " is not (N, X) float32");
    }
    return static_cast<std::size_t>(shape[1].get_length());
}

ov::CompiledModel compile(const std::string& model, Size size, unsigned threads, Precision precision) {
    std::shared_ptr<ov::Model> read;
    try {
        read = core().read_model(model);
    } catch (const std::exception&) {
        refuse(model, "it is missing or damaged");
    }
    const ov::PartialShape wanted{-1, 3, size.height, size.width};
    if (read->inputs().size() != 1 || !read->input().get_partial_shape().compatible(wanted)) {
        refuse(model, "its input does not take (N, 3, " + std::to_string(size.height) + ", " +
                          std::to_string(size.width) + ") images");
    }
    if (read->outputs().size() != 2) refuse(model, "it does not have the two outputs logits and features");
    read->reshape(wanted);
    const unsigned used = threads == 0 ? available_processors() : threads;
    try {
        // One batch at a time gets every thread: a request waits for its batch, not for a free stream.
        return core().compile_model(
            read, kDevice, ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY), ov::num_streams(1),
            ov::inference_num_threads(static_cast<int>(used)), ov::hint::enable_cpu_pinning(false),
            ov::hint::inference_precision(precision == Precision::kBfloat16 ? ov::element::bf16 : ov::element::f32));
    } catch (const std::exception&) {
        refuse(model, "it does not compile for this processor");
    }
}

void copy(const ov::Tensor& from, std::span<float> to) {
    std::copy_n(from.data<const float>(), to.size(), to.data());
}

}  // namespace

struct Engine::Compiled {
    ov::CompiledModel model;
    ov::InferRequest request;
};

Engine::Engine(const std::string& model, Size size, unsigned threads, Precision precision)
    : size_(size),
      precision_(precision == Precision::kBfloat16 && has_bfloat16() ? Precision::kBfloat16 : Precision::kFloat32) {
    ov::CompiledModel compiled = compile(model, size, threads, precision_);
    classes_ = output_width(compiled, 0, model);
    features_ = output_width(compiled, 1, model);
    ov::InferRequest request = compiled.create_infer_request();
    compiled_ = std::make_unique<Compiled>(std::move(compiled), std::move(request));
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::infer(std::span<const float> images, std::size_t count, std::span<float> logits,
                   std::span<float> features) {
    const ov::Shape shape{count, kChannels, static_cast<std::size_t>(size_.height),
                          static_cast<std::size_t>(size_.width)};
    try {
        // The engine only reads its input, but its interface takes any tensor's memory as writable.
        compiled_->request.set_input_tensor(ov::Tensor(ov::element::f32, shape, const_cast<float*>(images.data())));
        compiled_->request.infer();
        copy(compiled_->request.get_output_tensor(0), logits.first(count * classes_));
        if (!features.empty()) copy(compiled_->request.get_output_tensor(1), features.first(count * features_));
    } catch (const std::exception&) {
        throw Error(Code::kEngine, "The engine failed on a batch of " + std::to_string(count) +
                                       " images. Restart the server; if it happens again, export the model again.");
    }
}

}  // namespace saccade
