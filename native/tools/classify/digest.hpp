#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace saccade::classify {

/// The sha256 of a text, 64 hexadecimal digits.
std::string sha256(std::string_view text);

/// Path inside directory -> sha256 of every file below it but bundle.json, as core/artifacts.py's file_digests.
/// Raises BundleError for a directory or file that cannot be read.
std::map<std::string, std::string> file_digests(const std::filesystem::path& directory);

}  // namespace saccade::classify
