#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace saccade::classify {

/// The bytes of a bundle's file. Raises BundleError if it cannot be read or is longer than most_bytes.
std::vector<std::uint8_t> read_part(const std::filesystem::path& path, std::size_t most_bytes);

/// The document in a bundle's file, at most 64 values deep. Raises BundleError if it is missing or not JSON.
nlohmann::json read_json(const std::filesystem::path& path);

/// A value as messages show it.
std::string shown(const nlohmann::json& value);

}  // namespace saccade::classify
