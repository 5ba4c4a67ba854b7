#include "scoring_json.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "json_file.hpp"

namespace saccade::classify {

namespace {

using Json = nlohmann::json;

constexpr const char* kAdvice = "Evaluate again, or use the version that made the bundle.";

[[noreturn]] void refuse_value(const std::string& key, const Json& value) {
    throw BundleError("The scoring's " + key + " is " + shown(value) + ". " + kAdvice);
}

/// The library would make numbers of booleans, and whole numbers of fractions.
void read(const std::string& key, const Json& value, bool& to) {
    if (!value.is_boolean()) refuse_value(key, value);
    to = value.get<bool>();
}

void read(const std::string& key, const Json& value, int& to) {
    // As a double: the library compares an unsigned 2^64 - 1 with an int as if it were -1.
    if (!value.is_number_integer() || std::abs(value.get<double>()) > double{std::numeric_limits<int>::max()}) {
        refuse_value(key, value);
    }
    to = value.get<int>();
}

void read(const std::string& key, const Json& value, float& to) {
    if (!value.is_number() || !(std::abs(value.get<double>()) <= double{std::numeric_limits<float>::max()})) {
        refuse_value(key, value);
    }
    to = value.get<float>();
}

void read(const std::string& key, const Json& value, OodDetector& to) {
    if (value == "energy") {
        to = OodDetector::kEnergy;
    } else if (value == "isolation_forest") {
        to = OodDetector::kIsolationForest;
    } else {
        refuse_value(key, value);
    }
}

[[noreturn]] void refuse_key(const std::string& key) {
    throw BundleError("The scoring has the key '" + key + "', which this version does not know. " + kAdvice);
}

void read(const std::string& key, const Json& value, View& to) {
    if (!value.is_object()) refuse_value(key, value);
    for (const auto& [name, member] : value.items()) {
        if (name == "flip") {
            read(name, member, to.flip);
        } else if (name == "dy") {
            read(name, member, to.dy);
        } else if (name == "dx") {
            read(name, member, to.dx);
        } else if (name == "weight") {
            read(name, member, to.weight);
        } else {
            refuse_key(name);
        }
    }
}

void read(const std::string& key, const Json& value, std::vector<View>& to) {
    if (!value.is_array()) refuse_value(key, value);
    to.assign(value.size(), View{});
    for (std::size_t i = 0; i < value.size(); ++i) read(key, value[i], to[i]);
}

void read_member(const std::string& name, const Json& value, Scoring& scoring) {
    if (name == "temperature") {
        read(name, value, scoring.temperature);
    } else if (name == "top_k") {
        read(name, value, scoring.top_k);
    } else if (name == "views") {
        read(name, value, scoring.views);
    } else if (name == "view_threshold") {
        read(name, value, scoring.view_threshold);
    } else if (name == "ood_detector") {
        read(name, value, scoring.ood_detector);
    } else if (name == "ood_threshold") {
        read(name, value, scoring.ood_threshold);
    } else {
        refuse_key(name);
    }
}

}  // namespace

Scoring parse_scoring(const Json& document) {
    if (!document.is_object()) refuse_value("document", document);
    Scoring scoring;
    for (const auto& [name, value] : document.items()) read_member(name, value, scoring);
    return scoring;
}

Precision parse_engine(const Json& document) {
    const Json kind = document.is_object() ? document.value("kind", Json()) : Json();
    const Json precision = document.is_object() ? document.value("precision", Json()) : Json();
    if (kind == "openvino" && precision == "f32") return Precision::kFloat32;
    if (kind == "openvino" && precision == "bf16") return Precision::kBfloat16;
    if (kind == "openvino" && precision == "int8") return Precision::kInt8;
    throw BundleError("The bundle has the engine " + shown(document) +
                      "; saccade-classify runs kind 'openvino' with precision 'bf16', 'f32' or 'int8'. "
                      "Evaluate again with --engine auto.");
}

}  // namespace saccade::classify
