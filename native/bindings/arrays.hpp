#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

#include "saccade/image.hpp"

namespace py = pybind11;

/// Encoded images borrowed from Python objects with the buffer protocol (bytes, memoryview, pyarrow buffers).
/// The views stay valid without the GIL while this object lives; create and destroy it with the GIL held.
class BorrowedImages {
  public:
    /// Raises Error{kArgument} for an element that is no contiguous buffer of bytes.
    explicit BorrowedImages(const py::sequence& images);

    [[nodiscard]] std::span<const saccade::Bytes> views() const { return views_; }

  private:
    std::vector<py::buffer_info> buffers_;
    std::vector<saccade::Bytes> views_;
};

/// A (N, H, W, 3) or (H, W, 3) uint8 array, copied only if it is not C-contiguous. Raises Error{kArgument} otherwise.
using PixelArray = py::array_t<std::uint8_t, py::array::c_style>;
PixelArray pixel_array(const py::array& array, py::ssize_t dimensions, const char* shape);

/// The writable memory of an array that must have this dtype and shape and be C-contiguous.
/// Raises Error{kArgument} that names the argument and both shapes.
template <typename Element>
std::span<Element> writable(py::array& array, const std::vector<py::ssize_t>& shape, const char* name);

/// Hands the image's memory to NumPy without a copy.
PixelArray to_numpy(saccade::Image image);
