#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <span>
#include <vector>

#include "saccade/image.hpp"
#include "saccade/tensor.hpp"

namespace py = pybind11;

/// One encoded image borrowed from a Python object with the buffer protocol (bytes, memoryview, a pyarrow buffer).
/// The view stays valid without the GIL while this object lives; create and destroy it with the GIL held.
class BorrowedImage {
  public:
    /// Raises Error{kArgument} for anything but contiguous bytes.
    explicit BorrowedImage(const py::object& image);

    [[nodiscard]] saccade::Bytes view() const;

  private:
    py::buffer_info buffer_;
};

/// BorrowedImage for a whole sequence.
class BorrowedImages {
  public:
    explicit BorrowedImages(const py::sequence& images);

    [[nodiscard]] std::span<const saccade::Bytes> views() const { return views_; }

  private:
    std::vector<py::buffer_info> buffers_;
    std::vector<saccade::Bytes> views_;
};

using PixelArray = py::array_t<std::uint8_t, py::array::c_style>;

/// A uint8 array of so many dimensions whose last one is the 3 channels; copied only if it is not C-contiguous.
/// shape: how the error message calls what is wanted. Raises Error{kArgument}.
PixelArray pixel_array(const py::array& array, py::ssize_t dimensions, const char* shape);

using IntegerArray = py::array_t<std::int64_t, py::array::c_style>;  // no forcecast, which would round

/// One integer an element, as (n) int64; copied only if it is not that already.
/// name: of the values in the error message. Raises Error{kArgument}.
IntegerArray integer_array(const py::object& values, const char* name);

/// Raises Error{kArgument} that calls the array by its name unless it has this shape.
void check_shape(const py::array& array, const char* name, const std::vector<py::ssize_t>& shape);

/// Format of an output for `count` images: uint8, float32, or uint16 for the bits of bfloat16, of (N, H, W, 3) or else
/// (N, 3, H, W). Raises Error{kArgument} for any other array, and unless it is writable and C-contiguous.
saccade::TensorFormat tensor_format(const py::array& out, std::size_t count, saccade::Size size);

/// The memory of an array that tensor_format has seen.
std::span<std::byte> writable_bytes(py::array& out);

/// Hands the image's memory to NumPy without a copy.
PixelArray to_numpy(saccade::Image image);

/// The elements of a C-contiguous array.
template <typename Element>
std::span<const Element> elements(const py::array& array) {
    return {static_cast<const Element*>(array.data()), static_cast<std::size_t>(array.size())};
}
