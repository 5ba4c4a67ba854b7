#pragma once

#include "saccade/image.hpp"
#include "saccade/isolation_forest.hpp"

namespace saccade::classify {

/// The isolation forest of an ood.npz, as ood/forest_arrays.py writes it.
/// Raises BundleError for damaged bytes, arrays that are missing or too many, and Error{kSpec} for trees that do not
/// hang together.
IsolationForest parse_forest(Bytes bytes);

}  // namespace saccade::classify
