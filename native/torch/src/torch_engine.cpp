#include "torch_engine.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdint>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "saccade/error.hpp"

namespace saccade {

namespace {

using torch::inductor::AOTIModelPackageLoader;
using Metadata = std::unordered_map<std::string, std::string>;

constexpr std::int64_t kPlanes = kChannels;

// What libtorch throws holds a stack trace, which helps no user: every call is wrapped, and what the user reads is
// ours.
[[noreturn]] void refuse(const std::string& package, const std::string& reason) {
    throw Error(Code::kEngine, "The torch engine cannot use '" + package + "': " + reason);
}

Metadata read_metadata(const std::string& package) {
    try {
        return AOTIModelPackageLoader::load_metadata_from_package(package, "model");
    } catch (const std::exception&) {
        refuse(package, "it is missing or damaged. Copy it again.");
    }
}

/// The value of a key that saccade.models.export_inductor writes.
const std::string& value_of(const Metadata& metadata, const std::string& key, const std::string& package) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) refuse(package, "it does not tell its " + key + ". Export it with Saccade.");
    return found->second;
}

// The compiled code believes what it is given: images of another size would be read beyond their end.
void check_size(const Metadata& metadata, Size size, const std::string& package) {
    const std::string wanted = std::to_string(size.height) + "x" + std::to_string(size.width);
    const std::string& found = value_of(metadata, "saccade_size", package);
    if (found != wanted)
        refuse(package, "it takes images of " + found + " pixels, not " + wanted + ". Export it again.");
}

#if defined(__x86_64__)
bool has_instructions(const std::string& name) {
    return name == "AVX2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}
constexpr const char* kMachine = "x86_64";
#else
bool has_instructions(const std::string& name) {
    return name == "ASIMD";
}
constexpr const char* kMachine = "aarch64";
#endif

// Instructions that the processor lacks would end the process, not raise an error.
void check_processor(const Metadata& metadata, const std::string& package) {
    const std::string& machine = value_of(metadata, "AOTI_MACHINE", package);
    const std::string& instructions = value_of(metadata, "AOTI_CPU_ISA", package);
    if (machine == kMachine && has_instructions(instructions)) return;
    refuse(package, "it was compiled for " + machine + " with " + instructions +
                        ", which this processor lacks. Evaluate on a machine of this kind.");
}

at::DeviceType checked_device(const Metadata& metadata, const std::string& package) {
    const std::string& device = value_of(metadata, "AOTI_DEVICE_KEY", package);
    if (device == "cpu") return at::kCPU;
    if (device != "cuda") refuse(package, "it was compiled for " + device + ". Export it for cuda or cpu.");
    if (!at::hasCUDA()) {
        refuse(package,
               "it was compiled for CUDA, and this process sees no CUDA device. Serve where nvidia-smi lists one and "
               "torch is installed with CUDA, or evaluate with an engine for the CPU.");
    }
    return at::kCUDA;
}

std::unique_ptr<AOTIModelPackageLoader> load(const std::string& package) {
    try {
        return std::make_unique<AOTIModelPackageLoader>(package);
    } catch (const std::exception&) {
        refuse(
            package,
            "its code does not load. TMPDIR must have room for it and let it run; a package for CUDA runs on the kind "
            "of GPU that it was compiled on. Otherwise export it again.");
    }
}

/// Copies a tensor (count, X) of any device into a matrix of that shape; a copy from a GPU waits for its result.
void copy(const at::Tensor& from, std::int64_t count, std::span<float> to) {
    const std::int64_t width = static_cast<std::int64_t>(to.size()) / count;
    if (from.sizes() != at::IntArrayRef({count, width})) throw std::length_error("another shape");
    at::from_blob(to.data(), {count, width}, at::kFloat).copy_(from);
}

class TorchEngine final : public Engine {
  public:
    TorchEngine(const std::string& package, Size size, int threads);

    [[nodiscard]] Precision precision() const override { return precision_; }
    [[nodiscard]] Size size() const override { return size_; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t features() const override { return features_; }
    void infer(std::span<const float> images, std::size_t count, std::span<float> logits,
               std::span<float> features) override;

  private:
    std::vector<at::Tensor> run(at::Tensor images);
    void learn_widths(const std::string& package);

    Size size_;
    int threads_;
    Precision precision_;
    at::DeviceType device_;
    std::unique_ptr<AOTIModelPackageLoader> package_;
    std::size_t classes_ = 0;
    std::size_t features_ = 0;
};

TorchEngine::TorchEngine(const std::string& package, Size size, int threads) : size_(size), threads_(threads) {
    const Metadata metadata = read_metadata(package);
    check_size(metadata, size, package);
    check_processor(metadata, package);
    device_ = checked_device(metadata, package);
    precision_ =
        value_of(metadata, "saccade_precision", package) == "bf16" ? Precision::kBfloat16 : Precision::kFloat32;
    package_ = load(package);
    learn_widths(package);
}

/// Runs one black image: what the outputs are like, and whether the package runs at all.
void TorchEngine::learn_widths(const std::string& package) {
    std::vector<at::Tensor> outputs;
    try {
        outputs = run(at::zeros({1, kPlanes, size_.height, size_.width}, at::kFloat));
    } catch (const std::exception&) {
        refuse(package, "it loads but does not run here. Export it again.");
    }
    const auto is_row = [](const at::Tensor& output) {
        return output.dim() == 2 && output.size(0) == 1 && output.scalar_type() == at::kFloat;
    };
    if (outputs.size() != 2 || !is_row(outputs[0]) || !is_row(outputs[1])) {
        refuse(package, "its outputs are not the float32 matrices logits and features. Export it again.");
    }
    classes_ = static_cast<std::size_t>(outputs[0].size(1));
    features_ = static_cast<std::size_t>(outputs[1].size(1));
}

std::vector<at::Tensor> TorchEngine::run(at::Tensor images) {
    const c10::InferenceMode without_gradients;
    // OpenMP keeps this number for each thread, and any thread may call.
    if (at::get_num_threads() != threads_) at::set_num_threads(threads_);
    std::vector<at::Tensor> inputs{images.to(device_)};
    return package_->boxed_run(std::move(inputs));
}

void TorchEngine::infer(std::span<const float> images, std::size_t count, std::span<float> logits,
                        std::span<float> features) {
    const auto rows = static_cast<std::int64_t>(count);
    try {
        // The engine only reads its input, but its interface takes any tensor's memory as writable.
        const std::vector<at::Tensor> outputs = run(
            at::from_blob(const_cast<float*>(images.data()), {rows, kPlanes, size_.height, size_.width}, at::kFloat));
        copy(outputs[0], rows, logits);
        if (!features.empty()) copy(outputs[1], rows, features);
    } catch (const std::exception&) {
        throw Error(Code::kEngine, "The torch engine failed on a batch of " + std::to_string(count) +
                                       " images. Restart the server; if it happens again, export the model again.");
    }
}

}  // namespace

std::unique_ptr<Engine> open_torch(const std::string& package, Size size, int threads) {
    return std::make_unique<TorchEngine>(package, size, threads);
}

}  // namespace saccade
