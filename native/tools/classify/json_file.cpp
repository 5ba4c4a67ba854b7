#include "json_file.hpp"

#include <nlohmann/json.hpp>
#include <system_error>

#include "bundle_error.hpp"
#include "files.hpp"
#include "text.hpp"

namespace saccade::classify {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kMostJsonBytes = std::size_t{1} << 24;
constexpr int kMostDepth = 64;

/// The library parses any depth, but copies and prints by recursion.
Json parse(const std::vector<std::uint8_t>& bytes, const fs::path& path) {
    return Json::parse(bytes, [&path](int depth, Json::parse_event_t, const Json&) {
        if (depth > kMostDepth)
            throw BundleError(quoted(path) + " nests its values too deeply. Make the artifact again.");
        return true;
    });
}

}  // namespace

std::vector<std::uint8_t> read_part(const fs::path& path, std::size_t most_bytes) {
    try {
        std::vector<std::uint8_t> bytes = read_file(path, most_bytes);
        if (bytes.size() <= most_bytes) return bytes;
    } catch (const std::system_error& error) {
        throw BundleError(quoted(path) + " cannot be read: " + error.code().message() +
                          ". Copy the whole bundle again.");
    }
    throw BundleError(quoted(path) + " is longer than " + grouped(most_bytes) + " bytes. Evaluate again.");
}

Json read_json(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) {
        throw BundleError(quoted(path.parent_path()) + " has no " + path.filename().string() +
                          ". Point to a directory that Saccade wrote.");
    }
    const std::vector<std::uint8_t> bytes = read_part(path, kMostJsonBytes);
    try {
        return parse(bytes, path);
    } catch (const Json::exception& error) {
        throw BundleError(quoted(path) + " is not JSON: " + error.what() + ". Make the artifact again.");
    }
}

std::string shown(const Json& value) {
    return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace saccade::classify
