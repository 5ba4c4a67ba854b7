#pragma once

#include <memory>

#include "bundle.hpp"
#include "saccade/classifier.hpp"

namespace saccade::classify {

/// The classifier of a bundle, after it has answered the golden images as the bundle's evaluation did.
///
/// threads: 0 takes every processor that this process may use.
/// Raises BundleError when the engine or the forest is refused, when the model has another number of classes, or when
/// the golden images are missing or answered otherwise.
std::unique_ptr<Classifier> verified_classifier(const Bundle& bundle, unsigned threads);

}  // namespace saccade::classify
