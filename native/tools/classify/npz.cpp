#include "npz.hpp"

#include <zip.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <regex>
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
constexpr zip_uint64_t kMostArrays = 64;
constexpr std::string_view kSuffix = ".npy";

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

std::vector<std::size_t> shape_of(const std::string& text) {
    std::vector<std::size_t> shape;
    for (const std::string_view part : split(text, ',')) {
        const std::string_view digits = part.substr(std::min(part.find_first_not_of(' '), part.size()));
        if (digits.empty()) continue;  // after the last comma
        const std::optional<std::size_t> side = parse_number<std::size_t>(digits);
        if (!side) throw BundleError("Its shape is (" + text + ").");
        shape.push_back(*side);
    }
    return shape;
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

struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;

Archive open_archive(Bytes bytes) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    zip_t* archive = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (archive == nullptr) {
        zip_source_free(source);  // which an archive would own
        const std::string reason = zip_error_strerror(&error);
        zip_error_fini(&error);
        throw BundleError("It is not a whole .npz file: " + reason + ".");
    }
    return Archive(archive);
}

/// Name and size of a member of the kinds that NumPy writes.
zip_stat_t checked_stat(zip_t* archive, zip_uint64_t index) {
    zip_stat_t stat;
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(archive, index, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
        throw BundleError("Its list of arrays is damaged.");
    }
    const bool is_numpys = (stat.comp_method == ZIP_CM_STORE || stat.comp_method == ZIP_CM_DEFLATE) &&
                           stat.encryption_method == ZIP_EM_NONE && std::string_view(stat.name).ends_with(kSuffix);
    if (!is_numpys) throw BundleError("It holds '" + std::string(stat.name) + "', which NumPy does not write.");
    return stat;
}

std::vector<std::uint8_t> read_member(zip_t* archive, zip_uint64_t index, const zip_stat_t& stat) {
    const std::unique_ptr<zip_file_t, CloseMember> file(zip_fopen_index(archive, index, 0));
    std::vector<std::uint8_t> bytes(stat.size);
    std::uint8_t beyond = 0;
    // The checksum is compared where the end is met.
    const bool is_whole = file && zip_fread(file.get(), bytes.data(), bytes.size()) == std::ssize(bytes) &&
                          zip_fread(file.get(), &beyond, 1) == 0;
    if (!is_whole) throw BundleError("Its bytes do not fit its length and checksum.");
    return bytes;
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
    static const std::regex pattern(
        R"(\{'descr': '(<f4|<f8|<i4)', 'fortran_order': False, 'shape': \((|\d+,|\d+(?:, \d+)+)\), \} *\n)");
    const auto [header, begin] = header_of(bytes);
    std::smatch match;
    if (!std::regex_match(header, match, pattern)) {
        throw BundleError("Its header is not that of a float32, float64 or int32 array in C order.");
    }
    const Bytes elements = bytes.subspan(begin);
    NpyArray array{match[1], shape_of(match[2]), {elements.begin(), elements.end()}};
    if (bytes_of(array.shape, bytes_of_element(array.type), elements.size()) != elements.size()) {
        throw BundleError("Its " + grouped(elements.size()) + " bytes are not an array of shape (" + match[2].str() +
                          ").");
    }
    return array;
}

Npz parse_npz(Bytes bytes) {
    const Archive archive = open_archive(bytes);
    const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
    if (count > kMostArrays) throw BundleError("It holds " + grouped(count) + " arrays.");
    Npz arrays;
    std::size_t left = kMostNpzBytes;
    for (zip_uint64_t index = 0; index < count; ++index) {
        const zip_stat_t stat = checked_stat(archive.get(), index);
        const std::string_view name = std::string_view(stat.name).substr(0, std::strlen(stat.name) - kSuffix.size());
        if (stat.size > left) throw BundleError("Its arrays hold over " + grouped(kMostNpzBytes) + " bytes.");
        left -= stat.size;
        try {
            const bool is_new = arrays.emplace(name, parse_npy(read_member(archive.get(), index, stat))).second;
            if (!is_new) throw BundleError("It is there twice.");
        } catch (const BundleError& error) {
            throw BundleError("Array '" + std::string(name) + "': " + error.what());
        }
    }
    return arrays;
}

}  // namespace saccade::classify
