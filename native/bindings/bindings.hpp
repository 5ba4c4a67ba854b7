#pragma once

#include <pybind11/pybind11.h>

#include <optional>

#include "saccade/error.hpp"

namespace py = pybind11;

/// Adds saccade_native.Error and its subclasses, and the translator that raises them.
void bind_errors(py::module_& module);
/// Adds PreprocessSpec, Limits, ImageInfo, prepare, decode, resize, normalize, image_statistics. Needs bind_errors.
void bind_pixels(py::module_& module);
/// Adds augment, Loader, LoaderBatch. Needs bind_pixels.
void bind_training(py::module_& module);
/// Adds Scoring, Classifier, Answer. Needs bind_pixels.
void bind_classifier(py::module_& module);

/// What an `error` attribute holds: an instance of Error's subclass, or None.
class OptionalError : public py::object {
  public:
    using py::object::object;
};
OptionalError optional_error(const std::optional<saccade::Error>& error);

template <>
struct pybind11::detail::handle_type_name<OptionalError> {
    static constexpr auto name = const_name("Error | None");
};
