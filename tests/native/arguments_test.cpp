#include "arguments.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "expect_error.hpp"

namespace saccade::classify {
namespace {

Arguments parsed(std::vector<std::string> words) {
    words.insert(words.begin(), "saccade-classify");
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return parse_arguments(std::span(pointers).first(words.size()));
}

void expect_refused(const std::vector<std::string>& words, const std::string& message) {
    test::expect_error<UsageError>([&] { (void)parsed(words); }, message);
}

using Names = std::vector<std::string>;

TEST(Arguments, hold_the_model_and_its_images) {
    const Arguments arguments = parsed({"model", "a.jpg", "b.jpg"});
    EXPECT_EQ(arguments.model, "model");
    EXPECT_EQ(arguments.images, (Names{"a.jpg", "b.jpg"}));
    EXPECT_FALSE(arguments.is_json);
    EXPECT_EQ(arguments.threads, 0U);
}

TEST(Arguments, may_have_options_anywhere) {
    for (const Names& words :
         {Names{"--json", "--threads", "3", "model", "a.jpg"}, Names{"model", "--threads=3", "a.jpg", "--json"}}) {
        const Arguments arguments = parsed(words);
        EXPECT_EQ(arguments.images, (Names{"a.jpg"}));
        EXPECT_TRUE(arguments.is_json);
        EXPECT_EQ(arguments.threads, 3U);
    }
}

TEST(Arguments, after_two_dashes_are_names) {
    EXPECT_EQ(parsed({"model", "--", "--json"}).images, (Names{"--json"}));
}

TEST(Arguments, without_images_read_paths_from_standard_input) {
    EXPECT_TRUE(parsed({"model"}).images.empty());
    EXPECT_TRUE(parsed({"model", "-"}).images.empty());
}

TEST(Arguments, that_ask_for_words_need_no_model) {
    EXPECT_EQ(parsed({"--help"}).task, Arguments::Task::kHelp);
    EXPECT_EQ(parsed({"-h"}).task, Arguments::Task::kHelp);
    EXPECT_EQ(parsed({"--version"}).task, Arguments::Task::kVersion);
}

TEST(Arguments, that_are_wrong_are_refused_by_name) {
    expect_refused({}, "The model bundle is missing.");
    expect_refused({"model", "-", "a.jpg"}, "'-' reads paths from standard input and stands alone.");
    expect_refused({"model", "--fast"}, "There is no option '--fast'.");
    expect_refused({"model", "-x"}, "There is no option '-x'.");
    expect_refused({"--json=yes", "model"}, "There is no option '--json=yes'.");
    expect_refused({"model", "--threads"}, "The option '--threads' lacks its value.");
    for (const char* number : {"x", "-1", "1.5", "1025", "", "99999999999"}) {
        expect_refused({"model", "--threads", number}, "must be a number from 0 to 1,024");
    }
}

}  // namespace
}  // namespace saccade::classify
