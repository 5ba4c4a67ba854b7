#include "path_reader.hpp"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "arguments.hpp"

namespace saccade::classify {

namespace {

constexpr std::size_t kMostLineBytes = std::size_t{1} << 16;  // Linux opens paths of up to 4,096

}  // namespace

std::vector<std::string> PathReader::next(std::size_t most) {
    std::vector<std::string> lines = take_lines(most);
    while (lines.empty() && !has_ended_) {
        fill();
        lines = take_lines(most);
    }
    return lines;
}

void PathReader::fill() {
    if (pending_.size() > kMostLineBytes) {
        throw UsageError("A line of standard input is longer than any path. Write one path a line.");
    }
    const std::size_t filled = pending_.size();
    pending_.resize(filled + kMostLineBytes);
    const ssize_t count = read(descriptor_, pending_.data() + filled, kMostLineBytes);
    pending_.resize(filled + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "Cannot read the paths");
    if (count == 0) {
        has_ended_ = true;
        pending_ += '\n';  // the last line may lack it
    }
}

std::vector<std::string> PathReader::take_lines(std::size_t most) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    while (lines.size() < most) {
        const std::size_t end = pending_.find('\n', begin);
        if (end == std::string::npos) break;
        if (end > begin) lines.push_back(pending_.substr(begin, end - begin));
        begin = end + 1;
    }
    pending_.erase(0, begin);
    return lines;
}

}  // namespace saccade::classify
