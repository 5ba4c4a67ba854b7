#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::classify {

/// The command is wrong. The message says in what.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What the command line asks for.
struct Arguments {
    enum class Task { kClassify, kHelp, kVersion };

    Task task = Task::kClassify;
    std::string model;
    std::vector<std::string> images;  ///< none: their paths come from standard input
    bool is_json = false;
    unsigned threads = 0;  ///< 0: every processor that this process may use
};

extern const std::string_view kHelp;

/// arguments: the command line with the program's name. It may be reordered.
/// Raises UsageError. Not to be called from two threads at once.
Arguments parse_arguments(std::span<char*> arguments);

}  // namespace saccade::classify
