#include "check.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace saccade::fuzz {

namespace {

// Memory is in the list because a run's limits are small: an image within them must never want for it.
constexpr std::array kForeignCodes{Code::kArgument, Code::kEngine, Code::kMemory, Code::kSpec};
constexpr std::array<std::string_view, 5> kForeignWords{"libpng", "libjpeg", "libwebp", "Corrupt", "VP8"};

}  // namespace

void require(bool claim) {
    if (!claim) __builtin_trap();
}

void check_error(const Error& error) {
    require(std::ranges::find(kForeignCodes, error.code()) == kForeignCodes.end());
    const std::string message = error.message();
    require(!message.empty());
    require(std::ranges::none_of(
        kForeignWords, [&message](std::string_view word) { return message.find(word) != std::string::npos; }));
}

}  // namespace saccade::fuzz
