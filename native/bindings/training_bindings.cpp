#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "saccade/augment.hpp"
#include "saccade/loader.hpp"

namespace {

using namespace pybind11::literals;
using saccade::Augmentation;
using saccade::LoadedBatch;
using saccade::Loader;

[[noreturn]] void refuse(const std::string& reason) {
    throw saccade::Error(saccade::Code::kArgument, reason);
}

saccade::DataType data_type_of(const std::string& name) {
    if (name == "uint8") return saccade::DataType::kUint8;
    if (name == "bfloat16") return saccade::DataType::kBfloat16;
    if (name == "float32") return saccade::DataType::kFloat32;
    refuse("The dtype '" + name + "' is not known. Use 'uint8', 'bfloat16' or 'float32'.");
}

saccade::Layout layout_of(const std::string& name) {
    if (name == "NHWC") return saccade::Layout::kNhwc;
    if (name == "NCHW") return saccade::Layout::kNchw;
    refuse("The layout '" + name + "' is not known. Use 'NHWC' or 'NCHW'.");
}

py::dtype numpy_type_of(saccade::DataType type) {
    switch (type) {
        case saccade::DataType::kUint8:
            return py::dtype::of<std::uint8_t>();
        case saccade::DataType::kBfloat16:
            return py::dtype::of<std::uint16_t>();
        default:
            return py::dtype::of<float>();
    }
}

std::vector<std::int64_t> integers(const py::object& values, const char* name) {
    const IntegerArray array = integer_array(values, name);
    return {array.data(), array.data() + array.size()};
}

/// A loader and the Python objects whose memory it reads.
class BoundLoader {
  public:
    BoundLoader(const py::object& images, const py::object& labels, const py::object& rows,
                const saccade::PreprocessSpec& spec, std::size_t batch_size, const std::vector<std::string>& steps,
                std::uint64_t seed, const std::string& dtype, const std::string& layout, std::size_t rank,
                std::size_t world_size, unsigned threads, const saccade::Limits& limits)
        : format_{data_type_of(dtype), layout_of(layout)}, size_(spec.size()) {
        saccade::LoaderImages source;
        if (py::isinstance<py::array>(images)) {
            pixels_ = pixel_array(images, 4, "(N, H, W, 3)");
            source.pixels = elements<std::uint8_t>(pixels_);
            source.size = {static_cast<int>(pixels_.shape(1)), static_cast<int>(pixels_.shape(2))};
        } else {
            encoded_ = std::make_unique<BorrowedImages>(images);
            source.encoded = {encoded_->views().begin(), encoded_->views().end()};
        }
        saccade::LoaderSettings settings{
            integers(labels, "labels"), integers(rows, "rows"), batch_size, seed, rank, world_size, threads, limits};
        loader_ =
            std::make_unique<Loader>(std::move(source), spec, Augmentation::parse(steps), format_, std::move(settings));
    }

    [[nodiscard]] Loader& loader() const { return *loader_; }

    /// Holds off other calls while it lives. Refuses one that comes meanwhile: it would take away the other's batch.
    [[nodiscard]] std::unique_lock<std::mutex> alone() const {
        std::unique_lock lock(calls_, std::try_to_lock);
        if (!lock) refuse("Another thread is using this Loader. Give each thread its own, or let them take turns.");
        return lock;
    }

    /// The tensors of a batch without a copy; `self` keeps them alive.
    [[nodiscard]] py::array tensors(const LoadedBatch& batch, const py::object& self) const {
        const auto count = static_cast<py::ssize_t>(batch.rows.size());
        const std::vector<py::ssize_t> shape =
            format_.layout == saccade::Layout::kNhwc
                ? std::vector<py::ssize_t>{count, size_.height, size_.width, saccade::kChannels}
                : std::vector<py::ssize_t>{count, saccade::kChannels, size_.height, size_.width};
        return {numpy_type_of(format_.type), shape, batch.tensors.data(), self};
    }

  private:
    saccade::TensorFormat format_;
    saccade::Size size_;
    PixelArray pixels_;
    std::unique_ptr<BorrowedImages> encoded_;
    std::unique_ptr<Loader> loader_;
    mutable std::mutex calls_;
};

/// One batch as Python sees it.
struct BoundBatch {
    py::array tensors;
    py::array_t<std::int64_t> labels;
    py::array_t<std::int64_t> rows;
    std::optional<py::array_t<std::int64_t>> partner_labels;
    double weight;
    std::uint32_t epoch;
    std::size_t step;
};

py::array_t<std::int64_t> copied(const std::vector<std::int64_t>& numbers) {
    return py::array_t<std::int64_t>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
}

BoundBatch next(const py::object& self) {
    const auto& bound = self.cast<const BoundLoader&>();
    const auto alone = bound.alone();
    const LoadedBatch* batch = nullptr;
    {
        const py::gil_scoped_release released;
        batch = &bound.loader().next();
    }
    BoundBatch result{
        bound.tensors(*batch, self), copied(batch->labels), copied(batch->rows), std::nullopt, batch->weight,
        batch->position.epoch,       batch->position.step};
    if (!batch->partner_labels.empty()) result.partner_labels = copied(batch->partner_labels);
    return result;
}

PixelArray augment(const py::array& pixels, const std::vector<std::string>& steps, std::uint64_t seed,
                   std::uint32_t epoch, std::uint32_t image, std::array<std::uint8_t, 3> fill) {
    const PixelArray from = pixel_array(pixels, 3, "(H, W, 3)");
    const Augmentation augmentation = Augmentation::parse(steps);
    const saccade::ImageKey key{seed, epoch, image};
    const saccade::PixelsView view{elements<std::uint8_t>(from),
                                   {static_cast<int>(from.shape(0)), static_cast<int>(from.shape(1))}};
    saccade::Image result(view.size);
    {
        const py::gil_scoped_release released;
        saccade::ResizeScratch resize_scratch;
        saccade::AugmentScratch scratch;
        const saccade::Framing framing{augmentation.part(view.size, key), view.size, {0, 0, view.size}};
        saccade::ResizePlan(view.size, framing).run(view, {0, 0, view.size}, result.data(), resize_scratch);
        augmentation.apply(result.data(), view.size, key, fill, scratch);
    }
    return to_numpy(std::move(result));
}

}  // namespace

void bind_training(py::module_& module) {
    module.def("augment", &augment, "pixels"_a, "steps"_a, "seed"_a = 0, "epoch"_a = 0, "image"_a = 0,
               "fill"_a = std::array<std::uint8_t, 3>{128, 128, 128},
               "What a Loader makes of one picture, (H, W, 3) uint8, at its own size: a new array.\n\n"
               "steps: lines of random changes, drawn from seed, epoch and image alone; done in this order: "
               "random_resized_crop,\n"
               "affine, randaugment, colour_jitter, translate, flip, cutout. Raises SpecError that names the line.");
    py::class_<BoundBatch>(module, "LoaderBatch", "B images as a network takes them.")
        .def_readonly("tensors", &BoundBatch::tensors,
                      "(B, H, W, 3) or (B, 3, H, W), without a copy: valid until the loader's next batch.")
        .def_readonly("labels", &BoundBatch::labels, "(B,) int64.")
        .def_readonly("rows", &BoundBatch::rows, "(B,) int64: which images these are.")
        .def_readonly("partner_labels", &BoundBatch::partner_labels,
                      "(B,) int64, of the images that are mixed in; None without mixup and cutmix.")
        .def_readonly("weight", &BoundBatch::weight, "Of labels, in [0, 1]; partner_labels have the rest.")
        .def_readonly("epoch", &BoundBatch::epoch, "From 0 on.")
        .def_readonly("step", &BoundBatch::step, "Of the epoch, from 0 on.");
    py::class_<BoundLoader>(
        module, "Loader",
        "Training batches without end, made ahead on threads of their own; epoch after epoch in an order of its "
        "own.\n\n"
        "The same position gives the same bytes, on however many threads and whatever was loaded before. A batch is\n"
        "always full: what is left over waits for another shuffle. One thread at a time: a call while another one\n"
        "waits raises ArgumentError.")
        .def(py::init<const py::object&, const py::object&, const py::object&, const saccade::PreprocessSpec&,
                      std::size_t, const std::vector<std::string>&, std::uint64_t, const std::string&,
                      const std::string&, std::size_t, std::size_t, unsigned, const saccade::Limits&>(),
             "images"_a, "labels"_a, "rows"_a, "spec"_a, "batch_size"_a, "steps"_a = std::vector<std::string>{},
             py::kw_only(), "seed"_a = 0, "dtype"_a = "float32", "layout"_a = "NHWC", "rank"_a = 0, "world_size"_a = 1,
             "threads"_a = 0, py::arg_v("limits", saccade::Limits{}, "Limits()"),
             "images: (N, H, W, 3) uint8, may be memory-mapped; or a sequence of encoded images.\n"
             "labels: (N,) integers.   rows: (n) integers, which images to train on.   steps: as in augment, and "
             "mixup(alpha),\n"
             "cutmix(alpha).   dtype: 'uint8', 'bfloat16' (its bits as uint16) or 'float32'.   layout: 'NHWC' or "
             "'NCHW'.\n"
             "rank, world_size: this worker's share of every epoch.   Raises ArgumentError and SpecError.")
        .def("__iter__", [](py::object self) { return self; })
        .def("__next__", &next, "The next batch. Raises Error that names the row of an image that cannot be read.")
        .def_property_readonly(
            "batch_size", [](const BoundLoader& bound) { return bound.loader().batch_size(); }, "Images of a batch.")
        .def_property_readonly(
            "steps_per_epoch", [](const BoundLoader& bound) { return bound.loader().steps_per_epoch(); },
            "Whole batches in an epoch.")
        .def_property_readonly(
            "position",
            [](const BoundLoader& bound) {
                const auto alone = bound.alone();
                const saccade::LoaderPosition position = bound.loader().position();
                return std::pair(position.epoch, position.step);
            },
            "(epoch, step) of the batch that comes next: all that is needed to go on later.")
        .def(
            "seek",
            [](const BoundLoader& bound, std::uint32_t epoch, std::size_t step) {
                const auto alone = bound.alone();
                const py::gil_scoped_release released;
                bound.loader().seek({epoch, step});
            },
            "epoch"_a, "step"_a = 0, "Goes on with this batch.");
}
