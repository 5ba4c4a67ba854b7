#include "npz.hpp"

#include <zip.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bundle_error.hpp"
#include "text.hpp"

namespace saccade::classify {

namespace {

constexpr zip_uint64_t kMostArrays = 64;
constexpr std::string_view kSuffix = ".npy";

struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;

Archive open_archive(Bytes bytes) {
    if (bytes.empty()) throw BundleError("It is empty.");  // which libzip takes for an archive without members
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

Npz parse_npz(Bytes bytes, std::size_t most_bytes) {
    const Archive archive = open_archive(bytes);
    const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
    if (count > kMostArrays) throw BundleError("It holds " + grouped(count) + " arrays.");
    Npz arrays;
    std::size_t left = most_bytes;
    for (zip_uint64_t index = 0; index < count; ++index) {
        const zip_stat_t stat = checked_stat(archive.get(), index);
        const std::string_view name = std::string_view(stat.name).substr(0, std::strlen(stat.name) - kSuffix.size());
        if (stat.size > left) throw BundleError("Its arrays have over " + grouped(most_bytes) + " bytes.");
        left -= stat.size;
        try {
            arrays.emplace(name, parse_npy(read_member(archive.get(), index, stat)));
        } catch (const BundleError& error) {
            throw BundleError("Array '" + std::string(name) + "': " + error.what());
        }
    }
    return arrays;
}

}  // namespace saccade::classify
