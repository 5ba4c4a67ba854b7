#include "npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "bundle_error.hpp"
#include "text.hpp"

namespace saccade::classify {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie in the file");

constexpr std::array<std::uint8_t, 6> kMagic{0x93, 'N', 'U', 'M', 'P', 'Y'};
constexpr std::size_t kPreambleBytes = kMagic.size() + 2;  // and the version, two bytes
constexpr std::size_t kMostHeaderBytes = 512;              // NumPy's is 118 bytes for up to three dimensions

constexpr std::array<std::string_view, 3> kTypes{"<f4", "<f8", "<i4"};

std::size_t bytes_of_element(std::string_view type) {
    return type == "<f8" ? sizeof(double) : sizeof(float);
}

template <typename Number>
constexpr std::string_view kType = "";
template <>
constexpr std::string_view kType<float> = "<f4";
template <>
constexpr std::string_view kType<double> = "<f8";
template <>
constexpr std::string_view kType<std::int32_t> = "<i4";

/// The text between preamble and elements, and where the elements begin.
std::pair<std::string, std::size_t> header_of(Bytes bytes) {
    if (bytes.size() < kPreambleBytes || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
        throw BundleError("It is not a .npy file.");
    }
    // The length has two bytes in version 1 and four afterwards.
    const std::size_t begin = kPreambleBytes + (bytes[kMagic.size()] == 1 ? 2 : 4);
    if (bytes.size() < begin) throw BundleError("It ends inside its header.");
    std::size_t length = 0;
    for (std::size_t i = begin; i > kPreambleBytes; --i) length = length << 8U | bytes[i - 1];
    if (length > bytes.size() - begin) throw BundleError("It ends inside its header.");
    if (length > kMostHeaderBytes) throw BundleError("Its header has " + grouped(length) + " bytes.");
    const Bytes header = bytes.subspan(begin, length);
    return {std::string(header.begin(), header.end()), begin + length};
}

[[noreturn]] void refuse_header() {
    throw BundleError("Its header is not that of a float32, float64 or int32 array in C order.");
}

/// Removes a word from the front of the text.
void skip(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) refuse_header();
    text.remove_prefix(word.size());
}

/// Removes and returns what stands before the letter.
std::string_view until(std::string_view& text, char letter) {
    const std::string_view before = text.substr(0, text.find(letter));
    text.remove_prefix(before.size());
    return before;
}

/// The sides in "", "3," or "3, 4".
std::vector<std::size_t> shape_of(std::string_view text) {
    if (text.empty()) return {};
    std::vector<std::string_view> parts = split(text, ',');
    if (parts.size() == 1) refuse_header();  // a number in brackets
    if (parts.size() == 2 && parts[1].empty()) parts.pop_back();
    std::vector<std::size_t> shape;
    for (std::string_view part : parts) {
        if (!shape.empty()) skip(part, " ");
        const std::optional<std::size_t> side = parse_number<std::size_t>(part);
        if (!side) refuse_header();
        shape.push_back(*side);
    }
    return shape;
}

struct Description {
    std::string_view type;
    std::string_view shape;
};

/// What the header says: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces and a newline.
Description description_of(std::string_view header) {
    Description description;
    skip(header, "{'descr': '");
    description.type = until(header, '\'');
    skip(header, "', 'fortran_order': False, 'shape': (");
    description.shape = until(header, ')');
    skip(header, "), }");
    header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
    if (header != "\n") refuse_header();
    if (std::ranges::find(kTypes, description.type) == kTypes.end()) refuse_header();
    return description;
}

/// Elements of the shape, times their size; none where that is more than `most`.
std::optional<std::size_t> bytes_of(std::span<const std::size_t> shape, std::size_t element, std::size_t most) {
    std::size_t total = element;
    for (const std::size_t side : shape) {
        if (side != 0 && total > most / side) return std::nullopt;
        total *= side;
    }
    return total;
}

}  // namespace

template <typename Number>
std::vector<Number> NpyArray::values() const {
    if (type != kType<Number>) {
        throw BundleError("It is of type '" + type + "', not '" + std::string(kType<Number>) + "'.");
    }
    std::vector<Number> numbers(bytes.size() / sizeof(Number));
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return numbers;
}

template std::vector<float> NpyArray::values() const;
template std::vector<double> NpyArray::values() const;
template std::vector<std::int32_t> NpyArray::values() const;

NpyArray parse_npy(Bytes bytes) {
    const auto [header, begin] = header_of(bytes);
    const Description description = description_of(header);
    const Bytes elements = bytes.subspan(begin);
    NpyArray array{std::string(description.type), shape_of(description.shape), {elements.begin(), elements.end()}};
    if (bytes_of(array.shape, bytes_of_element(array.type), elements.size()) != elements.size()) {
        throw BundleError("Its " + grouped(elements.size()) + " bytes are not an array of shape (" +
                          std::string(description.shape) + ").");
    }
    return array;
}

}  // namespace saccade::classify
