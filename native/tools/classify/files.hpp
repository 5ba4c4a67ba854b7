#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saccade::classify {

/// A path as messages name it.
std::string quoted(const std::filesystem::path& path);

/// The bytes of a file, but no more than the first most_bytes + 1: enough to see that it is too long.
/// Raises std::system_error with the operating system's reason.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most_bytes);

}  // namespace saccade::classify
