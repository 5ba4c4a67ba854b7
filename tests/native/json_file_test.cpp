#include "json_file.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "bundle_error.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace saccade::classify {
namespace {

/// JSON of so many arrays, each inside the one before.
std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

class JsonFileTest : public testing::Test {
  protected:
    void expect_refused(const std::string& words) const {
        test::expect_error<BundleError>([&] { (void)read_json(folder_.path() / "file.json"); }, words);
    }

    test::TemporaryFolder folder_;
};

TEST_F(JsonFileTest, holds_the_document) {
    folder_.write("file.json", R"({"a": [1, "b", null]})");
    EXPECT_EQ(shown(read_json(folder_.path() / "file.json")), R"({"a":[1,"b",null]})");
}

TEST_F(JsonFileTest, that_is_missing_is_refused) {
    expect_refused("has no file.json. Point to a directory that Saccade wrote.");
}

TEST_F(JsonFileTest, that_nests_deeply_is_refused_before_it_costs_the_stack) {
    folder_.write("file.json", nested(60));
    EXPECT_EQ(shown(read_json(folder_.path() / "file.json")), nested(60));
    for (const std::size_t depth : {100, 1'000'000}) {
        folder_.write("file.json", nested(depth));
        expect_refused("file.json' nests its values too deeply.");
    }
}

TEST_F(JsonFileTest, that_is_too_long_is_refused) {
    folder_.write("file.json", std::string(16'777'217, ' '));
    expect_refused("file.json' is longer than 16,777,216 bytes.");
}

TEST(JsonFile, shows_values_without_letters_that_a_terminal_lacks) {
    EXPECT_EQ(shown("\xc3\xa4 \xff"), R"("\u00e4 \ufffd")");
}

}  // namespace
}  // namespace saccade::classify
