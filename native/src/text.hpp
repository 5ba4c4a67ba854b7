#pragma once

#include <charconv>
#include <concepts>
#include <string>

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

}  // namespace saccade
