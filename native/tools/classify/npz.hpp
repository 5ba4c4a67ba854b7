#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "saccade/image.hpp"

namespace saccade::classify {

/// One array as NumPy writes it: C order, little-endian float32, float64 or int32.
struct NpyArray {
    std::string type;                ///< "<f4", "<f8" or "<i4"
    std::vector<std::size_t> shape;  ///< empty for a single number
    std::vector<std::uint8_t> bytes;

    /// The elements. Number: float, double or std::int32_t. Raises BundleError if the array is of another type.
    template <typename Number>
    [[nodiscard]] std::vector<Number> values() const;
};

/// Name -> array.
using Npz = std::map<std::string, NpyArray, std::less<>>;

/// Reads what numpy.save writes. Raises BundleError, also for what NumPy can write and this cannot read.
NpyArray parse_npy(Bytes bytes);

/// Reads what numpy.savez and savez_compressed write; the arrays together hold at most kMostNpzBytes.
/// Raises BundleError for anything else: the bytes may come from anywhere.
Npz parse_npz(Bytes bytes);

inline constexpr std::size_t kMostNpzBytes = std::size_t{1} << 28;

}  // namespace saccade::classify
