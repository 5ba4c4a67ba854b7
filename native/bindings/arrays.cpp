#include "arrays.hpp"

#include <memory>
#include <string>
#include <utility>

#include "saccade/error.hpp"

namespace {

using saccade::Code;
using saccade::Error;

std::string shape_text(const py::array& array) {
    return py::str(array.attr("shape")).cast<std::string>();
}

std::string text_of(const std::vector<py::ssize_t>& shape) {
    return py::str(py::tuple(py::cast(shape))).cast<std::string>();
}

std::string dtype_text(const py::array& array) {
    return py::str(array.dtype()).cast<std::string>();
}

py::buffer_info borrow(py::handle image) {
    if (!PyObject_CheckBuffer(image.ptr())) {
        throw Error(Code::kArgument, "An image must be bytes, not " +
                                         py::str(py::type::handle_of(image).attr("__name__")).cast<std::string>() +
                                         ".");
    }
    py::buffer_info buffer = py::reinterpret_borrow<py::buffer>(image).request();
    if (buffer.ndim != 1 || buffer.itemsize != 1 || (buffer.size > 1 && buffer.strides[0] != 1)) {
        throw Error(Code::kArgument, "An image must be one contiguous run of bytes.");
    }
    return buffer;
}

}  // namespace

BorrowedImages::BorrowedImages(const py::sequence& images) {
    const std::size_t count = images.size();
    buffers_.reserve(count);
    views_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const py::buffer_info& buffer = buffers_.emplace_back(borrow(py::object(images[i])));
        views_.emplace_back(static_cast<const std::uint8_t*>(buffer.ptr), static_cast<std::size_t>(buffer.size));
    }
}

BorrowedImage::BorrowedImage(const py::object& image) : buffer_(borrow(image)) {}

saccade::Bytes BorrowedImage::view() const {
    return {static_cast<const std::uint8_t*>(buffer_.ptr), static_cast<std::size_t>(buffer_.size)};
}

PixelArray pixel_array(const py::array& array, py::ssize_t dimensions, const char* shape) {
    const bool fits = array.dtype().equal(py::dtype::of<std::uint8_t>()) && array.ndim() == dimensions &&
                      array.shape(dimensions - 1) == py::ssize_t{saccade::kChannels};
    if (!fits) {
        throw Error(Code::kArgument, "pixels must be " + std::string(shape) + " uint8, not " + shape_text(array) + " " +
                                         dtype_text(array) + ".");
    }
    return PixelArray::ensure(array);
}

IntegerArray integer_array(const py::object& values, const char* name) {
    IntegerArray integers = IntegerArray::ensure(values);
    if (integers && integers.ndim() == 1) return integers;
    const py::array given = py::array::ensure(values);
    throw Error(Code::kArgument, std::string(name) + " must be (n) integers of up to 64 bits with a sign, not " +
                                     (given ? shape_text(given) + " " + dtype_text(given) : "a ragged sequence") + ".");
}

void check_shape(const py::array& array, const char* name, const std::vector<py::ssize_t>& shape) {
    if (std::vector(array.shape(), array.shape() + array.ndim()) == shape) return;
    throw Error(Code::kArgument, std::string(name) + " must be " + text_of(shape) + ", not " + shape_text(array) + ".");
}

saccade::TensorFormat tensor_format(const py::array& out, std::size_t count, saccade::Size size) {
    using saccade::DataType;
    using saccade::Layout;
    const auto images = static_cast<py::ssize_t>(count);
    const std::vector<py::ssize_t> nhwc{images, size.height, size.width, saccade::kChannels};
    const std::vector<py::ssize_t> nchw{images, saccade::kChannels, size.height, size.width};
    const std::vector<py::ssize_t> shape(out.shape(), out.shape() + out.ndim());
    const bool is_float = out.dtype().equal(py::dtype::of<float>());
    const bool is_bfloat = out.dtype().equal(py::dtype::of<std::uint16_t>());
    const bool is_known = is_float || is_bfloat || out.dtype().equal(py::dtype::of<std::uint8_t>());
    const bool is_usable = out.writeable() && (out.flags() & py::array::c_style) != 0;
    if (!is_known || !is_usable || (shape != nhwc && shape != nchw)) {
        throw Error(Code::kArgument, "out must be a writable, C-contiguous " + text_of(nhwc) + " or " + text_of(nchw) +
                                         " array of uint8, float32 or uint16 (bits of bfloat16), not " +
                                         shape_text(out) + " " + dtype_text(out) + ".");
    }
    return {is_float    ? DataType::kFloat32
            : is_bfloat ? DataType::kBfloat16
                        : DataType::kUint8,
            shape == nhwc ? Layout::kNhwc : Layout::kNchw};
}

std::span<std::byte> writable_bytes(py::array& out) {
    return {static_cast<std::byte*>(out.mutable_data()), static_cast<std::size_t>(out.nbytes())};
}

PixelArray to_numpy(saccade::Image image) {
    auto owned = std::make_unique<saccade::Image>(std::move(image));
    const saccade::Size size = owned->size();
    const std::uint8_t* data = owned->data().data();
    const py::capsule owner(owned.get(),
                            [](void* held) { std::unique_ptr<saccade::Image>(static_cast<saccade::Image*>(held)); });
    static_cast<void>(owned.release());
    return PixelArray({py::ssize_t{size.height}, py::ssize_t{size.width}, py::ssize_t{saccade::kChannels}}, data,
                      owner);
}
