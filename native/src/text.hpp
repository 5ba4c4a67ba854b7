#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// 1234567 as "1,234,567".
template <std::integral Integer>
std::string grouped(Integer value) {
    std::string digits = std::to_string(value);
    const std::size_t first = digits.front() == '-' ? 1 : 0;
    for (std::size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

/// The shortest decimal text that reads back as the same number.
inline std::string shortest(double value) {
    char buffer[32];
    const std::to_chars_result end = std::to_chars(buffer, buffer + sizeof buffer, value);
    return {buffer, end.ptr};
}

inline std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// None unless the whole text is a number.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// A line such as name(arguments), without its spaces.
struct Call {
    std::string name;
    std::string arguments;
    bool has_brackets = false;
};

/// None if a bracket is not closed at the end.
inline std::optional<Call> parse_call(std::string_view line) {
    std::string text;
    std::ranges::copy_if(line, std::back_inserter(text), [](char c) { return c != ' ' && c != '\t'; });
    const std::size_t open = text.find('(');
    if (open == std::string::npos) return Call{text, {}, false};
    if (text.back() != ')') return std::nullopt;
    return Call{text.substr(0, open), text.substr(open + 1, text.size() - open - 2), true};
}

}  // namespace saccade
