#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "npy.hpp"
#include "saccade/image.hpp"

namespace saccade::classify {

/// Name -> array.
using Npz = std::map<std::string, NpyArray, std::less<>>;

inline constexpr std::size_t kMostNpzBytes = std::size_t{1} << 28;

/// Reads what numpy.savez and savez_compressed write; unpacked, the arrays together have at most most_bytes.
/// Raises BundleError for anything else: the bytes may come from anywhere.
Npz parse_npz(Bytes bytes, std::size_t most_bytes = kMostNpzBytes);

}  // namespace saccade::classify
