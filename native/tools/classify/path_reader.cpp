#include "path_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "arguments.hpp"

namespace saccade::classify {

namespace {

constexpr std::size_t kMostPathBytes = std::size_t{1} << 16;  // Linux opens paths of up to 4,096

}  // namespace

std::vector<std::string> PathReader::next(std::size_t most) {
    std::vector<std::string> paths = take_paths(most);
    while (paths.empty() && !has_ended_) {
        fill();
        paths = take_paths(most);
    }
    return paths;
}

void PathReader::fill() {
    if (pending_.size() > kMostPathBytes) {
        throw UsageError(
            "Standard input holds more letters than any path without an end of line. Write one path a line.");
    }
    const std::size_t filled = pending_.size();
    pending_.resize(filled + kMostPathBytes);
    const ssize_t count = read(descriptor_, pending_.data() + filled, kMostPathBytes);
    pending_.resize(filled + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "Cannot read the paths");
    if (!separator_ && count >= 0) separator_ = pending_.find('\0') == std::string::npos ? '\n' : '\0';
    if (count == 0) {
        has_ended_ = true;
        pending_ += *separator_;  // the last path may lack it
    }
}

std::vector<std::string> PathReader::take_paths(std::size_t most) {
    std::vector<std::string> paths;
    if (!separator_) return paths;
    std::size_t begin = 0;
    while (paths.size() < most) {
        const std::size_t end = pending_.find(*separator_, begin);
        if (end == std::string::npos) break;
        if (end > begin) paths.push_back(pending_.substr(begin, end - begin));
        begin = end + 1;
    }
    pending_.erase(0, begin);
    return paths;
}

}  // namespace saccade::classify
