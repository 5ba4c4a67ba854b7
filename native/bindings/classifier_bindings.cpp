#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "saccade/classifier.hpp"
#include "saccade/engine_module.hpp"
#include "saccade/openvino_engine.hpp"

namespace {

using namespace pybind11::literals;
using saccade::Answer;
using saccade::Classifier;
using saccade::IsolationForest;
using saccade::Limits;
using saccade::OodDetector;
using saccade::Precision;
using saccade::Scores;
using saccade::Scoring;
using saccade::View;
using saccade::Views;

[[noreturn]] void refuse_name(const char* what, const std::string& name, const char* known) {
    throw saccade::Error(saccade::Code::kSpec,
                         std::string("There is no ") + what + " '" + name + "'. Choose one of " + known + ".");
}

OodDetector detector_of(const std::string& name) {
    if (name == "energy") return OodDetector::kEnergy;
    if (name == "isolation_forest") return OodDetector::kIsolationForest;
    refuse_name("detector", name, "energy, isolation_forest");
}

Precision precision_of(const std::string& name) {
    if (name == "f32") return Precision::kFloat32;
    if (name == "bf16") return Precision::kBfloat16;
    if (name == "int8") return Precision::kInt8;
    refuse_name("precision", name, "bf16, f32, int8");
}

const char* name_of(Precision precision) {
    switch (precision) {
        case Precision::kFloat32:
            return "f32";
        case Precision::kBfloat16:
            return "bf16";
        case Precision::kInt8:
            return "int8";
    }
    throw std::logic_error("a precision without a name");
}

template <typename Element>
using Array = py::array_t<Element, py::array::c_style | py::array::forcecast>;

template <typename Element>
std::vector<Element> vector_of(const Array<Element>& array) {
    return {array.data(), array.data() + array.size()};
}

IsolationForest new_forest(const Array<float>& centres, const Array<std::int32_t>& roots,
                           const Array<std::int32_t>& feature, const Array<double>& threshold,
                           const Array<std::int32_t>& left, const Array<std::int32_t>& right,
                           const Array<double>& path_length, double normalizer) {
    if (centres.ndim() != 2) throw saccade::Error(saccade::Code::kSpec, "The centres of a forest must be (C, D).");
    return IsolationForest({static_cast<std::size_t>(centres.shape(1)), vector_of(centres), vector_of(roots),
                            vector_of(feature), vector_of(threshold), vector_of(left), vector_of(right),
                            vector_of(path_length), normalizer});
}

double forest_score(const IsolationForest& forest, const Array<float>& features) {
    return forest.score(elements<float>(features));
}

void bind_scoring(py::module_& module) {
    py::class_<View>(module, "View",
                     "The image moved by (dy, dx) px, borders reflected, then "
                     "mirrored left to right.")
        .def(py::init([](bool flip, int dy, int dx, float weight) {
                 return View{flip, dy, dx, weight};
             }),
             py::kw_only(), "flip"_a = false, "dy"_a = 0, "dx"_a = 0, "weight"_a = 1.0F);
    py::class_<IsolationForest>(module, "IsolationForest",
                                "Trees over deviations from the nearest class, as plain arrays.")
        .def(py::init(&new_forest), py::kw_only(), "centres"_a, "roots"_a, "feature"_a, "threshold"_a, "left"_a,
             "right"_a, "path_length"_a, "normalizer"_a)
        .def("score", &forest_score, "features"_a, "Of (D,) float32 features: in (0, 1), larger is more unusual.");
    py::class_<Scoring>(module, "Scoring", "What turns the network's outputs into an answer.")
        .def(
            py::init([](float temperature, int top_k, std::vector<View> views, float view_threshold,
                        const std::string& ood_detector, float ood_threshold, std::optional<IsolationForest> forest) {
                return Scoring{
                    temperature,      top_k, std::move(views), view_threshold, detector_of(ood_detector), ood_threshold,
                    std::move(forest)};
            }),
            py::kw_only(), "temperature"_a = 1.0F, "top_k"_a = 5,
            py::arg_v("views", std::vector<View>{View{}}, "[View()]"), "view_threshold"_a = 0.0F,
            "ood_detector"_a = "energy", "ood_threshold"_a = 0.0F, "forest"_a = py::none(),
            "Views beyond the first are taken where its highest calibrated "
            "probability is below view_threshold.\n"
            "Impossible values are refused by the Classifier, which knows the "
            "size of the images.");
}

py::array_t<float> vector_array(const std::vector<float>& values) {
    return py::array_t<float>(static_cast<py::ssize_t>(values.size()), values.data());
}

py::dict scores_of(const Answer& answer) {
    py::dict scores;
    scores["energy"] = answer.energy;
    if (answer.isolation_forest) scores["isolation_forest"] = *answer.isolation_forest;
    return scores;
}

void bind_answer(py::module_& module) {
    py::class_<Answer>(module, "Answer",
                       "What the classifier says of one image; with an error, "
                       "only that and prepare_seconds have a meaning.")
        .def_property_readonly(
            "error", [](const Answer& answer) { return optional_error(answer.error); },
            "None, or the Error for which there is no answer.")
        .def_readonly("label", &Answer::label, "Index of the most probable class.")
        .def_property_readonly(
            "probabilities", [](const Answer& answer) { return vector_array(answer.probabilities); },
            "(K,) float32, calibrated.")
        .def_readonly("top_k", &Answer::top_k, "[(class index, probability)], most probable first.")
        .def_readonly("ood_score", &Answer::ood_score,
                      "Of the deciding detector; larger is less like the training data.")
        .def_readonly("is_ood", &Answer::is_ood, "Whether ood_score is above the threshold.")
        .def_property_readonly("scores", &scores_of, "Every detector's score by name.")
        .def_property_readonly(
            "features", [](const Answer& answer) { return vector_array(answer.features); }, "(D,) float32.")
        .def_property_readonly(
            "width", [](const Answer& answer) { return answer.size.width; }, "Of the whole picture, pixels.")
        .def_property_readonly(
            "height", [](const Answer& answer) { return answer.size.height; }, "Of the whole picture, pixels.")
        .def_readonly("statistics", &Answer::statistics, "Of the prepared pixels.")
        .def_readonly("prepare_seconds", &Answer::prepare_seconds, "From encoded bytes to pixels.")
        .def_readonly("infer_seconds", &Answer::infer_seconds,
                      "From pixels to answers, of all images that went through the engine together.")
        .def_property_readonly(
            "perceptual_hash", [](const Answer& answer) { return answer.statistics.perceptual_hash; }, "64 bits.");
}

py::array matrix(std::vector<float> values, std::size_t width) {
    const auto columns = static_cast<py::ssize_t>(width);
    const auto rows = static_cast<py::ssize_t>(values.size()) / columns;
    return py::array_t<float>({rows, columns}, values.data());
}

py::array column(const std::vector<float>& values) {
    return vector_array(values);
}

/// Scores with the widths of its matrices, for Python to read.
struct Batch {
    Scores scores;
    std::size_t classes;
    std::size_t features;
};

void bind_batch(py::module_& module) {
    py::class_<Batch>(module, "Batch", "What the classifier says of N prepared images, as arrays.")
        .def_property_readonly(
            "logits", [](const Batch& batch) { return matrix(batch.scores.logits, batch.classes); },
            "(N, K) float32, averaged over the views that were taken.")
        .def_property_readonly(
            "probabilities", [](const Batch& batch) { return matrix(batch.scores.probabilities, batch.classes); },
            "(N, K) float32, calibrated.")
        .def_property_readonly(
            "features", [](const Batch& batch) { return matrix(batch.scores.features, batch.features); },
            "(N, D) float32 of the image as it is.")
        .def_property_readonly(
            "energy", [](const Batch& batch) { return column(batch.scores.energy); }, "(N,) float32.")
        .def_property_readonly(
            "isolation_forest", [](const Batch& batch) { return column(batch.scores.isolation_forest); },
            "(N,) float32, or empty without a forest.")
        .def_property_readonly(
            "ood_score", [](const Batch& batch) { return column(batch.scores.ood_score); }, "(N,) float32.")
        .def_property_readonly(
            "is_ood",
            [](const Batch& batch) {
                const auto count = static_cast<py::ssize_t>(batch.scores.is_ood.size());
                return py::array_t<std::uint8_t>(count, batch.scores.is_ood.data()).attr("astype")("bool");
            },
            "(N,) bool.");
}

Views views_of(bool with_views) {
    return with_views ? Views::kWhereUnsure : Views::kPlainOnly;
}

std::vector<Answer> predict(Classifier& classifier, const py::sequence& images, bool with_views) {
    const BorrowedImages borrowed(images);
    const py::gil_scoped_release released;
    return classifier.predict(borrowed.views(), views_of(with_views));
}

Batch predict_pixels(Classifier& classifier, const py::array& pixels, bool with_views) {
    const PixelArray from = pixel_array(pixels, 4, "(N, H, W, 3)");
    const auto [height, width] = classifier.spec().size();
    check_shape(from, "pixels", {from.shape(0), height, width, saccade::kChannels});
    const std::span<const std::uint8_t> values = elements<std::uint8_t>(from);
    const py::gil_scoped_release released;
    return {classifier.predict_pixels(values, views_of(with_views)), classifier.classes(), classifier.features()};
}

}  // namespace

void bind_classifier(py::module_& module) {
    bind_scoring(module);
    bind_answer(module);
    bind_batch(module);
    py::class_<Classifier>(module, "Classifier", "Encoded images in, answers out; every step native, without the GIL.")
        .def(
            py::init([](const std::string& model, const saccade::PreprocessSpec& spec, const Scoring& scoring,
                        const Limits& limits, unsigned threads, const std::string& precision,
                        const std::optional<std::string>& engine_module) {
                const py::gil_scoped_release released;
                const Precision wanted = precision_of(precision);
                saccade::Engines engines =
                    engine_module ? saccade::open_engine_module(*engine_module, model, spec.size(), threads)
                                  : saccade::open_openvino(model, spec.size(), threads, wanted);
                return std::make_unique<Classifier>(std::move(engines), spec, scoring, limits, threads);
            }),
            "model"_a, "spec"_a, "scoring"_a, py::kw_only(), py::arg_v("limits", Limits{}, "Limits()"), "threads"_a = 0,
            "precision"_a = "bf16", "engine_module"_a = py::none(),
            "model: network with input (N, 3, H, W) float32 and outputs logits (N, K), features (N, D): an OpenVINO "
            "IR,\n"
            "or what the engine in the shared library engine_module reads, whose code then runs in this process.\n"
            "threads: 0 takes every processor. precision: of OpenVINO; 'bf16' falls back to 'f32' where the processor\n"
            "lacks it;\n"
            "'int8' wants a model with quantised layers.\n"
            "Raises EngineError for the model or the module, SpecError for an impossible value.")
        .def("predict", &predict, "images"_a, py::kw_only(), "with_views"_a = true,
             "One Answer an image, in order. A bad image gets its own .error and "
             "harms no neighbour.\n"
             "with_views=False: every image is looked at as it is only, also "
             "where that leaves doubt.")
        .def("predict_pixels", &predict_pixels, "pixels"_a, py::kw_only(), "with_views"_a = true,
             "The Batch of prepared pixels, (N, H, W, 3) uint8.")
        .def_property_readonly(
            "precision", [](const Classifier& classifier) { return name_of(classifier.precision()); },
            "'bf16', 'f32' or 'int8': what the engine really uses.")
        .def_property_readonly("images_at_once", &Classifier::images_at_once,
                               "Images of one call that keep every processor busy; more are worked on in turns.")
        .def_property_readonly("classes", &Classifier::classes, "K.")
        .def_property_readonly("features", &Classifier::features, "D.");
}
