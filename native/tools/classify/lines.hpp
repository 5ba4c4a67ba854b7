#pragma once

#include <string>
#include <string_view>

#include "bundle.hpp"
#include "saccade/classifier.hpp"

namespace saccade::classify {

/// Why there is no answer. code: stable, in snake_case.
struct Refusal {
    std::string_view code;
    std::string message;
};

/// One line without its end, as 'saccade predict' prints it. Plain text holds the path's bytes as they are; JSON has
/// U+FFFD where they are not UTF-8.
std::string text_line(const std::string& path, const Refusal& refusal);
std::string text_line(const std::string& path, const Answer& answer, const Bundle& bundle);
std::string json_line(const std::string& path, const Refusal& refusal);
std::string json_line(const std::string& path, const Answer& answer, const Bundle& bundle);

}  // namespace saccade::classify
