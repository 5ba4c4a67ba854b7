#pragma once

#include <nlohmann/json_fwd.hpp>

#include "saccade/engine.hpp"
#include "saccade/scoring.hpp"

namespace saccade::classify {

/// The "scoring" of bundle.json, without the forest. What is left out has Scoring's default.
/// Raises BundleError that names an unknown key or a value of a wrong type. Whether values are possible is checked
/// where they are used: in Scoring::check.
Scoring parse_scoring(const nlohmann::json& document);

/// The precision of bundle.json's "engine". Raises BundleError for another kind of engine or an unknown precision.
Precision parse_engine(const nlohmann::json& document);

}  // namespace saccade::classify
