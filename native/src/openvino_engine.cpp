#include "saccade/openvino_engine.hpp"

#include <algorithm>
#include <openvino/frontend/manager.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/openvino.hpp>
#include <stdexcept>
#include <vector>

#include "saccade/error.hpp"
#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

constexpr const char* kDevice = "CPU";
constexpr unsigned kMostLanes = 8;

// What OpenVINO throws names its source files and lines, which help no user: every call is wrapped, and what the user
// reads is ours.
[[noreturn]] void refuse(const std::string& model, const std::string& reason) {
    throw Error(Code::kEngine, "The engine cannot use '" + model + "': " + reason + ". Export the model again.");
}

ov::Core& core() {
    static ov::Core instance;  // loading the plugin takes 0.1 s
    return instance;
}

/// Whether bfloat16 runs as instructions: on older processors with AVX-512 OpenVINO takes the hint too, but emulates
/// it.
bool has_bfloat16() {
    try {
        const std::vector<std::string> capabilities = core().get_property(kDevice, ov::device::capabilities);
        return std::ranges::find(capabilities, ov::device::capability::BF16) != capabilities.end();
    } catch (const std::exception&) {
        throw Error(Code::kEngine, "OpenVINO finds no CPU plugin. Install the 'openvino' wheel again.");
    }
}

std::shared_ptr<ov::Model> read_model(const std::string& model) {
    try {
        // Core::read_model tries every format there is on a damaged file, TensorFlow's too, which prints to stderr.
        ov::frontend::FrontEndManager formats;
        const ov::frontend::FrontEnd::Ptr format = formats.load_by_framework("ir");
        return format->convert(format->load(model));
    } catch (const std::exception&) {
        refuse(model, "it or its .bin file is missing or damaged");
    }
}

bool is_quantised(const ov::Model& network) {
    return std::ranges::any_of(network.get_ordered_ops(), [](const std::shared_ptr<ov::Node>& layer) {
        return ov::is_type<ov::op::v0::FakeQuantize>(layer);
    });
}

void check_interface(const ov::Model& network, const ov::PartialShape& images, const std::string& model) {
    const bool takes_images = network.inputs().size() == 1 && network.input().get_element_type() == ov::element::f32 &&
                              network.input().get_partial_shape().compatible(images);
    if (!takes_images) {
        refuse(model, "it does not take float32 images of (N, 3, " + images[2].to_string() + ", " +
                          images[3].to_string() + ") as its one input");
    }
    if (network.outputs().size() != 2) refuse(model, "it does not have the two outputs logits and features");
}

ov::CompiledModel compile(const std::shared_ptr<ov::Model>& network, const std::string& model, unsigned threads,
                          bool is_bfloat16) {
    try {
        // No pinning: several workers on a machine would all pin themselves to its first processors.
        return core().compile_model(network, kDevice, ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                    ov::num_streams(1), ov::inference_num_threads(static_cast<int>(threads)),
                                    ov::hint::enable_cpu_pinning(false),
                                    ov::hint::inference_precision(is_bfloat16 ? ov::element::bf16 : ov::element::f32));
    } catch (const std::exception&) {
        refuse(model, "it does not compile for this processor");
    }
}

/// X of an output (N, X). Raises Error{kEngine} for any other shape.
std::size_t output_width(const ov::CompiledModel& compiled, std::size_t output, const std::string& model) {
    const ov::PartialShape shape = compiled.output(output).get_partial_shape();
    const bool fits = shape.rank() == 2 && shape[0].is_dynamic() && shape[1].is_static() &&
                      compiled.output(output).get_element_type() == ov::element::f32;
    if (!fits) refuse(model, "its output " + std::to_string(output) + " is not (N, X) float32");
    return static_cast<std::size_t>(shape[1].get_length());
}

void copy(const ov::Tensor& from, std::span<float> to) {
    if (from.get_size() != to.size()) throw std::length_error("another number of images");
    std::copy_n(from.data<const float>(), to.size(), to.data());
}

class OpenVinoEngine final : public Engine {
  public:
    OpenVinoEngine(ov::CompiledModel compiled, const std::string& model, Size size, bool is_int8);

    [[nodiscard]] Precision precision() const override { return precision_; }
    [[nodiscard]] Size size() const override { return size_; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t features() const override { return features_; }
    void infer(std::span<const float> images, std::size_t count, std::span<float> logits,
               std::span<float> features) override;

  private:
    ov::CompiledModel compiled_;
    ov::InferRequest request_;
    Size size_;
    Precision precision_ = Precision::kFloat32;
    std::size_t classes_ = 0;
    std::size_t features_ = 0;
};

OpenVinoEngine::OpenVinoEngine(ov::CompiledModel compiled, const std::string& model, Size size, bool is_int8)
    : compiled_(std::move(compiled)),
      size_(size),
      classes_(output_width(compiled_, 0, model)),
      features_(output_width(compiled_, 1, model)) {
    try {
        request_ = compiled_.create_infer_request();
        const bool is_bfloat16 = compiled_.get_property(ov::hint::inference_precision) == ov::element::bf16;
        precision_ = is_bfloat16 ? Precision::kBfloat16 : Precision::kFloat32;
        if (is_int8) precision_ = Precision::kInt8;
    } catch (const std::exception&) {
        refuse(model, "it compiles but does not run on this processor");
    }
}

void OpenVinoEngine::infer(std::span<const float> images, std::size_t count, std::span<float> logits,
                           std::span<float> features) {
    const ov::Shape shape{count, kChannels, static_cast<std::size_t>(size_.height),
                          static_cast<std::size_t>(size_.width)};
    try {
        // The engine only reads its input, but its interface takes any tensor's memory as writable.
        request_.set_input_tensor(ov::Tensor(ov::element::f32, shape, const_cast<float*>(images.data())));
        request_.infer();
        copy(request_.get_output_tensor(0), logits);
        if (!features.empty()) copy(request_.get_output_tensor(1), features);
    } catch (const std::exception&) {
        throw Error(Code::kEngine, "The engine failed on a batch of " + std::to_string(count) +
                                       " images. Restart the server; if it happens "
                                       "again, export the model again.");
    }
}

}  // namespace

Engines open_openvino(const std::string& model, Size size, unsigned threads, Precision precision) {
    const std::shared_ptr<ov::Model> network = read_model(model);
    const ov::PartialShape images{-1, kChannels, size.height, size.width};
    check_interface(*network, images, model);
    const bool is_int8 = is_quantised(*network);
    if (precision == Precision::kInt8 && !is_int8) refuse(model, "none of its layers is quantised");
    const bool is_bfloat16 = precision != Precision::kFloat32 && has_bfloat16();
    if (threads == 0) threads = available_processors();
    try {
        network->reshape(images);
    } catch (const std::exception&) {
        refuse(model, "it does not take any number of images");
    }
    const auto engine = [&](unsigned own_threads) {
        return std::make_unique<OpenVinoEngine>(compile(network, model, own_threads, is_bfloat16), model, size,
                                                is_int8);
    };

    Engines engines(engine(threads));
    // Not OpenVINO's own streams: those choose their memory by the calling thread, and two threads of a pool often meet
    // at one. Each lane holds the weights once more, in its arithmetic: 23 MB of ResNet-18 in bfloat16.
    const unsigned lanes = std::min(threads, kMostLanes);
    for (unsigned i = 0; lanes > 1 && i < lanes; ++i) engines.lanes.push_back(engine(threads / lanes));
    return engines;
}

}  // namespace saccade
