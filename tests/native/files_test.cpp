#include "files.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace saccade::classify {
namespace {

TEST(Files, of_any_length_are_read_whole) {
    const test::TemporaryFolder folder;
    for (const std::size_t length : {0, 1, 65'535, 65'536, 65'537, 300'000}) {
        std::string content;
        for (std::size_t i = 0; i < length; ++i) content += static_cast<char>(i % 251);
        folder.write("file", content);
        const std::vector<std::uint8_t> bytes = read_file(folder.path() / "file", 1'000'000);
        EXPECT_TRUE(
            std::equal(bytes.begin(), bytes.end(), content.begin(), content.end(),
                       [](std::uint8_t byte, char letter) { return byte == static_cast<std::uint8_t>(letter); }))
            << length;
    }
}

TEST(Files, that_are_too_long_are_read_one_byte_too_far) {
    const test::TemporaryFolder folder;
    folder.write("file", "12345");
    EXPECT_EQ(read_file(folder.path() / "file", 5).size(), 5U);
    EXPECT_EQ(read_file(folder.path() / "file", 4).size(), 5U);
    EXPECT_EQ(read_file(folder.path() / "file", 3).size(), 4U);
}

TEST(Files, without_an_end_cost_no_more_than_the_limit) {
    EXPECT_EQ(read_file("/dev/zero", 100'000).size(), 100'001U);
}

TEST(Files, that_cannot_be_read_say_why) {
    const test::TemporaryFolder folder;
    test::expect_error<std::system_error>([&] { (void)read_file(folder.path() / "nothing", 9); }, "No such file");
    test::expect_error<std::system_error>([&] { (void)read_file(folder.path(), 9); }, "Is a directory");
}

}  // namespace
}  // namespace saccade::classify
