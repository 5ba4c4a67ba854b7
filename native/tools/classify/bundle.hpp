#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "saccade/engine.hpp"
#include "saccade/scoring.hpp"
#include "saccade/spec.hpp"

namespace saccade::classify {

/// A model bundle whose files are those that its maker wrote, and whose images are prepared as in its training.
struct Bundle {
    std::filesystem::path directory;
    std::string name;
    std::string version;
    std::vector<std::string> classes;
    PreprocessSpec spec;
    Precision precision = Precision::kBfloat16;
    Scoring scoring;                           ///< with the isolation forest
    std::string ood_detector;                  ///< as bundle.json writes it
    double ood_threshold = 0;                  ///< as bundle.json writes it, for answers that repeat it
    std::map<std::string, std::string> files;  ///< path inside the directory -> sha256

    [[nodiscard]] std::string model() const { return (directory / "model.xml").string(); }
};

/// Reads and verifies a bundle as serving/predictor.py does, up to the engine.
///
/// Raises BundleError when bundle.json is missing, damaged or of another version, when a file was altered, added or
/// removed, when this library prepares images in another way, or when the engine or the forest is none it can run.
Bundle read_bundle(const std::filesystem::path& directory);

}  // namespace saccade::classify
