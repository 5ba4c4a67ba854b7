#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "saccade/decode.hpp"
#include "saccade/prepare.hpp"
#include "saccade/resize.hpp"
#include "saccade/spec.hpp"
#include "saccade/statistics.hpp"
#include "saccade/tensor.hpp"

namespace {

using namespace pybind11::literals;
using saccade::ImageInfo;
using saccade::ImageStatistics;
using saccade::Limits;
using saccade::PreprocessSpec;

py::tuple tuple_of(const std::array<double, 3>& values) {
    return py::make_tuple(values[0], values[1], values[2]);
}

saccade::PixelsView view_of(const PixelArray& pixels) {
    return {elements<std::uint8_t>(pixels), {static_cast<int>(pixels.shape(0)), static_cast<int>(pixels.shape(1))}};
}

void bind_spec(py::module_& module) {
    py::class_<PreprocessSpec>(
        module, "PreprocessSpec",
        "What happens between encoded bytes and the network's input, parsed from readable lines.\n\n"
        "In this order: decode; resize(H,W) or resize_short(S), ;bicubic at will; center_crop(S) or center_crop(H,W);\n"
        "normalize(r,g,b;r,g,b) or normalize(imagenet). Raises SpecError that names the line.")
        .def(py::init([](const std::vector<std::string>& steps) { return PreprocessSpec::parse(steps); }), "steps"_a)
        .def_property_readonly("steps", &PreprocessSpec::steps,
                               "Canonical lines: equal for specifications that prepare to the same values.")
        .def_property_readonly(
            "height", [](const PreprocessSpec& spec) { return spec.size().height; }, "Pixels.")
        .def_property_readonly(
            "width", [](const PreprocessSpec& spec) { return spec.size().width; }, "Pixels.")
        .def_property_readonly(
            "mean", [](const PreprocessSpec& spec) { return tuple_of(spec.mean()); },
            "Subtracted from each channel after scaling to [0, 1].")
        .def_property_readonly(
            "std", [](const PreprocessSpec& spec) { return tuple_of(spec.std()); },
            "What each channel is divided by afterwards.")
        .def("__eq__",
             [](const PreprocessSpec& spec, const py::object& other) {
                 return py::isinstance<PreprocessSpec>(other) && spec == other.cast<const PreprocessSpec&>();
             })
        .def("__hash__", [](const PreprocessSpec& spec) { return py::hash(py::tuple(py::cast(spec.steps()))); })
        .def("__repr__",
             [](const PreprocessSpec& spec) {
                 return "PreprocessSpec(" + py::repr(py::cast(spec.steps())).cast<std::string>() + ")";
             })
        .def(py::pickle([](const PreprocessSpec& spec) { return spec.steps(); },
                        [](const std::vector<std::string>& steps) { return PreprocessSpec::parse(steps); }));
}

void bind_limits(py::module_& module) {
    const Limits defaults;
    py::class_<Limits>(module, "Limits", "What an image may cost at most; checked before memory is taken.")
        .def(py::init([](std::size_t max_bytes, int max_side, std::size_t max_pixels, int max_scans) {
                 return Limits{max_bytes, max_side, max_pixels, max_scans};
             }),
             py::kw_only(), "max_bytes"_a = defaults.max_bytes, "max_side"_a = defaults.max_side,
             "max_pixels"_a = defaults.max_pixels, "max_scans"_a = defaults.max_scans)
        .def_readonly("max_bytes", &Limits::max_bytes, "Encoded bytes.")
        .def_readonly("max_side", &Limits::max_side, "Width and height each, pixels.")
        .def_readonly("max_pixels", &Limits::max_pixels, "Width times height.")
        .def_readonly("max_scans", &Limits::max_scans, "Scans of a progressive JPEG.")
        .def("__repr__", [](const Limits& limits) {
            return "Limits(max_bytes=" + std::to_string(limits.max_bytes) +
                   ", max_side=" + std::to_string(limits.max_side) +
                   ", max_pixels=" + std::to_string(limits.max_pixels) +
                   ", max_scans=" + std::to_string(limits.max_scans) + ")";
        });
}

void bind_info(py::module_& module) {
    py::class_<ImageStatistics>(module, "ImageStatistics", "What can be said about a picture without a model.")
        .def_readonly("brightness", &ImageStatistics::brightness, "Mean luma, [0, 1].")
        .def_readonly("contrast", &ImageStatistics::contrast, "Standard deviation of luma, [0, 0.5].")
        .def_readonly("sharpness", &ImageStatistics::sharpness, "Variance of luma's Laplacian, [0, 16].")
        .def_readonly("saturation", &ImageStatistics::saturation, "Mean of (max - min) / max, [0, 1].")
        .def_readonly("entropy", &ImageStatistics::entropy, "Of the 256-bin luma histogram, bits, [0, 8].")
        .def_readonly("perceptual_hash", &ImageStatistics::perceptual_hash,
                      "64 bits; near-duplicates differ in few of them.");
    py::class_<ImageInfo>(module, "ImageInfo",
                          "What is known of one image; with an error, only the error has a meaning.")
        .def_property_readonly(
            "format", [](const ImageInfo& info) { return saccade::format_name(info.format); },
            "'jpeg', 'png', 'webp' or 'unknown'.")
        .def_property_readonly(
            "width", [](const ImageInfo& info) { return info.size.width; },
            "Of the whole picture as displayed, pixels.")
        .def_property_readonly(
            "height", [](const ImageInfo& info) { return info.size.height; },
            "Of the whole picture as displayed, pixels.")
        .def_readonly("statistics", &ImageInfo::statistics, "Of the prepared pixels: what the model sees.")
        .def_property_readonly(
            "perceptual_hash", [](const ImageInfo& info) { return info.statistics.perceptual_hash; },
            "64 bits; near-duplicates differ in few of them.")
        .def_property_readonly(
            "error", [](const ImageInfo& info) { return optional_error(info.error); },
            "None, or the Error for which this image's row is zeros.");
}

std::vector<ImageInfo> prepare(const py::sequence& images, const PreprocessSpec& spec, py::array out,
                               const Limits& limits, unsigned threads) {
    const BorrowedImages borrowed(images);
    const saccade::TensorWriter writer(spec, tensor_format(out, borrowed.views().size(), spec.size()));
    const std::span<std::byte> tensors = writable_bytes(out);
    const py::gil_scoped_release released;
    return saccade::prepare_tensors(borrowed.views(), spec, writer, tensors, limits, threads);
}

PixelArray decode(const py::object& image, const Limits& limits) {
    const BorrowedImage borrowed(image);
    saccade::Image pixels;
    {
        const py::gil_scoped_release released;
        pixels = saccade::decode(borrowed.view(), limits);
    }
    return to_numpy(std::move(pixels));
}

saccade::Filter filter_of(const std::string& name) {
    if (name == "triangle") return saccade::Filter::kTriangle;
    if (name == "bicubic") return saccade::Filter::kBicubic;
    throw saccade::Error(saccade::Code::kArgument,
                         "The filter '" + name + "' is not known. Use 'triangle' or 'bicubic'.");
}

PixelArray resize(const py::array& pixels, int height, int width, const std::string& filter) {
    const PixelArray from = pixel_array(pixels, 3, "(H, W, 3)");
    saccade::Image resized;
    {
        const py::gil_scoped_release released;
        resized = saccade::resize(view_of(from), {height, width}, filter_of(filter));
    }
    return to_numpy(std::move(resized));
}

void normalize(const py::array& pixels, const PreprocessSpec& spec, py::array out, unsigned threads) {
    const PixelArray from = pixel_array(pixels, 4, "(N, H, W, 3)");
    const auto [height, width] = spec.size();
    check_shape(from, "pixels", {from.shape(0), height, width, saccade::kChannels});
    const auto count = static_cast<std::size_t>(from.shape(0));
    const saccade::TensorWriter writer(spec, tensor_format(out, count, spec.size()));
    const std::span<std::byte> tensors = writable_bytes(out);
    const py::gil_scoped_release released;
    writer.write_all(elements<std::uint8_t>(from), tensors, threads);
}

ImageStatistics image_statistics(const py::array& pixels) {
    const PixelArray from = pixel_array(pixels, 3, "(H, W, 3)");
    const py::gil_scoped_release released;
    return saccade::image_statistics(view_of(from));
}

}  // namespace

void bind_pixels(py::module_& module) {
    bind_spec(module);
    bind_limits(module);
    bind_info(module);
    module.def("prepare", &prepare, "images"_a, "spec"_a, "out"_a, py::arg_v("limits", Limits{}, "Limits()"),
               "threads"_a = 0,
               "Decodes, orients, resizes and crops each image into its row of out.\n\n"
               "out: (N, H, W, 3), or else (N, 3, H, W). uint8 gets the levels, float32 gets them normalised, and\n"
               "uint16 gets the bits of that as bfloat16. A failed image leaves its row zero and has .error. The\n"
               "result does not depend on threads (0: every processor) or on the split into batches. Runs without\n"
               "the GIL.");
    module.def("decode", &decode, "image"_a, py::arg_v("limits", Limits{}, "Limits()"),
               "The whole picture as (H, W, 3) uint8 RGB, EXIF orientation applied, alpha dropped. Raises Error.");
    module.def("resize", &resize, "pixels"_a, "height"_a, "width"_a, "filter"_a = "triangle",
               "(height, width, 3) uint8 by an antialiased filter, width first: 'triangle' is Pillow's BILINEAR,\n"
               "'bicubic' its BICUBIC.");
    module.def("normalize", &normalize, "pixels"_a, "spec"_a, "out"_a, "threads"_a = 0,
               "(pixel / 255 - mean) / std of prepared (N, H, W, 3) uint8 into out, which prepare describes.");
    module.def("image_statistics", &image_statistics, "pixels"_a, "Statistics and perceptual hash of (H, W, 3) uint8.");
}
