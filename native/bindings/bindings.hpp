#pragma once

#include <pybind11/pybind11.h>

#include "saccade/error.hpp"

namespace py = pybind11;

/// Adds saccade_native.Error and its subclasses, and the translator that raises them.
void bind_errors(py::module_& module);
/// Adds PreprocessSpec, Limits, ImageInfo, prepare, decode, resize, normalize, image_statistics. Needs bind_errors.
void bind_pixels(py::module_& module);
/// Adds Scoring, Classifier, Answer. Needs bind_pixels.
void bind_classifier(py::module_& module);

/// The Python exception instance for error, to be stored or returned, not raised.
py::object python_error(const saccade::Error& error);
