#pragma once

#include <gtest/gtest.h>

#include <string>

namespace saccade::test {

/// Expects that the call raises an Error whose message holds the words.
template <typename Error, typename Call>
void expect_error(Call call, const std::string& words) {
    try {
        call();
        ADD_FAILURE() << "nothing was raised; expected: " << words;
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
}

}  // namespace saccade::test
