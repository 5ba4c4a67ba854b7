#pragma once

#include <cstddef>
#include <cstdint>
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

    bool operator==(const NpyArray&) const = default;
};

/// Reads what numpy.save writes. Raises BundleError, also for what NumPy can write and this cannot read.
NpyArray parse_npy(Bytes bytes);

}  // namespace saccade::classify
