#include "files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace saccade::classify {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 16;

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string quoted(const std::filesystem::path& path) {
    return std::string(1, '\'').append(path.native()).append(1, '\'');
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most_bytes) {
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
    if (!file) throw std::system_error(errno, std::generic_category());
    std::vector<std::uint8_t> bytes;
    std::size_t filled = 0;
    while (filled <= most_bytes) {
        // Grows as it is filled: neither a pipe nor a device says how long it is.
        bytes.resize(std::min(std::max(2 * filled, kBlockBytes), most_bytes + 1));
        const std::size_t wanted = bytes.size() - filled;
        const std::size_t count = std::fread(bytes.data() + filled, 1, wanted, file.get());
        filled += count;
        if (count == wanted) continue;
        if (std::ferror(file.get()) != 0) throw std::system_error(errno, std::generic_category());
        break;
    }
    bytes.resize(filled);
    return bytes;
}

}  // namespace saccade::classify
