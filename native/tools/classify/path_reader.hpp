#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace saccade::classify {

/// Paths that another program writes: one a line, or with a NUL after each, as the first read tells. Empty ones are
/// skipped.
class PathReader {
  public:
    /// descriptor: an open file or pipe, which stays the caller's.
    explicit PathReader(int descriptor) : descriptor_(descriptor) {}

    /// The paths that are there already, at most `most`; waits for the first one. None at the end.
    ///
    /// A program that writes one path and waits for its answer thus gets it.
    /// Raises UsageError for what is too long to be a path, and std::system_error if nothing can be read.
    std::vector<std::string> next(std::size_t most);

  private:
    void fill();
    [[nodiscard]] std::vector<std::string> take_paths(std::size_t most);

    int descriptor_;
    bool has_ended_ = false;
    std::optional<char> separator_;  ///< known after the first read
    std::string pending_;
};

}  // namespace saccade::classify
