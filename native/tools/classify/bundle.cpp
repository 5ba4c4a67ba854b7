#include "bundle.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "bundle_error.hpp"
#include "digest.hpp"
#include "files.hpp"
#include "forest.hpp"
#include "json_file.hpp"
#include "npz.hpp"
#include "saccade/error.hpp"
#include "scoring_json.hpp"

namespace saccade::classify {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr int kFormatVersion = 1;

/// BundleInfo of core/artifacts.py.
constexpr std::array<std::string_view, 13> kKeys{
    "name",    "version",    "architecture", "classes", "preprocess", "preprocess_hash", "engine",
    "scoring", "dataset_id", "code_version", "metrics", "files",      "format_version"};

void check_keys(const Json& document, const fs::path& path) {
    const Json version = document.is_object() ? document.value("format_version", Json()) : Json();
    if (version != kFormatVersion) {
        throw BundleError(quoted(path) + " has format version " + shown(version) + ", this Saccade reads " +
                          std::to_string(kFormatVersion) + ". Make it again.");
    }
    for (const auto& [key, value] : document.items()) {
        if (std::ranges::find(kKeys, key) == kKeys.end()) {
            throw BundleError(quoted(path) + " has the unknown key '" + key +
                              "'. It was written by another version; make it again.");
        }
    }
    for (const std::string_view key : kKeys) {
        if (!document.contains(key)) {
            throw BundleError(quoted(path) + " is incomplete: it lacks '" + std::string(key) +
                              "'. Make the artifact again.");
        }
    }
}

/// Names for which a claim holds, with commas between them.
template <typename Names, typename Claim>
std::string joined(const Names& names, Claim claim) {
    std::string text;
    for (const auto& [name, digest] : names) {
        if (claim(name)) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

void check_files(const fs::path& directory, const std::map<std::string, std::string>& written) {
    const std::map<std::string, std::string> found = file_digests(directory);
    const auto is_missing = [&](const std::string& name) { return !found.contains(name); };
    const auto is_added = [&](const std::string& name) { return !written.contains(name); };
    const auto is_altered = [&](const std::string& name) { return written.at(name) != found.at(name); };
    const std::string advice = " Copy the whole bundle again.";
    if (const std::string names = joined(written, is_missing); !names.empty()) {
        throw BundleError(quoted(directory) + " lacks " + names + "." + advice);
    }
    if (const std::string names = joined(found, is_added); !names.empty()) {
        throw BundleError(quoted(directory) + " holds " + names + ", which its maker did not write." + advice);
    }
    if (const std::string names = joined(written, is_altered); !names.empty()) {
        throw BundleError(quoted(directory) + " was altered in " + names + "." + advice);
    }
}

PreprocessSpec parse_spec(const std::vector<std::string>& lines, const fs::path& directory) {
    try {
        return PreprocessSpec::parse(lines);
    } catch (const Error& error) {
        throw BundleError(quoted(directory) + " has a preprocessing that this version does not know: " + error.what());
    }
}

std::string hash_of(const PreprocessSpec& spec) {
    std::string text;
    for (const std::string& line : spec.steps()) text += (text.empty() ? "" : "\n") + line;
    return sha256(text);
}

void check_hash(const PreprocessSpec& spec, const std::string& expected, const fs::path& directory) {
    const std::string hash = hash_of(spec);
    if (hash == expected) return;
    throw BundleError(quoted(directory) + " was made with preprocessing " + expected.substr(0, 12) +
                      ", this version prepares images as " + hash.substr(0, 12) +
                      ". Use the version that made it, or train again.");
}

IsolationForest read_forest(const fs::path& path) {
    const std::vector<std::uint8_t> bytes = read_part(path, kMostNpzBytes);
    try {
        return parse_forest(bytes);
    } catch (const Error& error) {  // the trees do not hang together
        throw BundleError(error.what());
    } catch (const BundleError& error) {
        throw BundleError(quoted(path) + " is damaged. " + error.what() + " Evaluate again.");
    }
}

/// What bundle.json says; the forest is still to be read. Raises Json::exception for a value of another type.
Bundle parse_bundle(const Json& document, const fs::path& directory) {
    Bundle bundle;
    bundle.directory = directory;
    document.at("name").get_to(bundle.name);
    document.at("version").get_to(bundle.version);
    document.at("classes").get_to(bundle.classes);
    document.at("files").get_to(bundle.files);
    bundle.precision = parse_engine(document.at("engine"));
    bundle.scoring = parse_scoring(document.at("scoring"));
    document.at("scoring").at("ood_detector").get_to(bundle.ood_detector);
    document.at("scoring").at("ood_threshold").get_to(bundle.ood_threshold);
    bundle.spec = parse_spec(document.at("preprocess").get<std::vector<std::string>>(), directory);
    check_hash(bundle.spec, document.at("preprocess_hash").get<std::string>(), directory);
    return bundle;
}

}  // namespace

Bundle read_bundle(const fs::path& directory) {
    const fs::path path = directory / "bundle.json";
    const Json document = read_json(path);
    check_keys(document, path);
    try {
        check_files(directory, document.at("files").get<std::map<std::string, std::string>>());
        Bundle bundle = parse_bundle(document, directory);
        bundle.scoring.forest = read_forest(directory / "ood.npz");
        return bundle;
    } catch (const Json::exception& error) {
        throw BundleError(quoted(path) + " is incomplete: " + error.what() + ". Make the artifact again.");
    }
}

}  // namespace saccade::classify
