#include "path_reader.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "expect_error.hpp"

namespace saccade::classify {
namespace {

/// A pipe: what is written to it comes out of the reader.
class PathReaderTest : public testing::Test {
  protected:
    PathReaderTest() { EXPECT_EQ(pipe(ends_.data()), 0); }
    ~PathReaderTest() override {
        close(ends_[0]);
        end();
    }

    void write(std::string_view text) const {
        EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void end() {
        if (ends_[1] >= 0) close(ends_[1]);
        ends_[1] = -1;
    }
    [[nodiscard]] int descriptor() const { return ends_[0]; }

  private:
    std::array<int, 2> ends_{-1, -1};
};

using Lines = std::vector<std::string>;

TEST_F(PathReaderTest, gives_lines_and_at_the_end_none) {
    write("a.jpg\n\nb c.jpg\nlast");
    end();
    PathReader reader(descriptor());
    EXPECT_EQ(reader.next(9), (Lines{"a.jpg", "b c.jpg"}));
    EXPECT_EQ(reader.next(9), (Lines{"last"}));
    EXPECT_TRUE(reader.next(9).empty());
    EXPECT_TRUE(reader.next(9).empty());
}

TEST_F(PathReaderTest, gives_no_more_than_asked_for) {
    write("a\nb\nc\n");
    end();
    PathReader reader(descriptor());
    EXPECT_EQ(reader.next(2), (Lines{"a", "b"}));
    EXPECT_EQ(reader.next(2), (Lines{"c"}));
    EXPECT_TRUE(reader.next(2).empty());
}

TEST_F(PathReaderTest, takes_names_with_ends_of_lines_where_zeros_separate_them) {
    using namespace std::string_literals;
    write("a\nb.jpg\0c.jpg\0\0d"s);
    end();
    PathReader reader(descriptor());
    EXPECT_EQ(reader.next(9), (Lines{"a\nb.jpg", "c.jpg"}));
    EXPECT_EQ(reader.next(9), (Lines{"d"}));
}

TEST_F(PathReaderTest, does_not_wait_for_lines_that_are_not_written_yet) {
    PathReader reader(descriptor());
    write("a\nhal");
    EXPECT_EQ(reader.next(9), (Lines{"a"}));
    write("f\n");
    EXPECT_EQ(reader.next(9), (Lines{"half"}));
}

TEST_F(PathReaderTest, reads_lines_longer_than_one_read) {
    const std::string path(60'000, 'x');
    std::thread writer([&] {
        for (int i = 0; i < 5; ++i) write(path + "\n");
        end();
    });
    PathReader reader(descriptor());
    Lines all;
    for (Lines lines = reader.next(9); !lines.empty(); lines = reader.next(9)) {
        all.insert(all.end(), lines.begin(), lines.end());
    }
    writer.join();
    EXPECT_EQ(all, Lines(5, path));
}

TEST_F(PathReaderTest, refuses_a_line_without_an_end) {
    const std::string part(50'000, 'x');
    std::thread writer([&] {
        for (int i = 0; i < 3; ++i) write(part);
        end();
    });
    PathReader reader(descriptor());
    test::expect_error<UsageError>([&] { (void)reader.next(9); }, "more letters than any path");
    std::array<char, 1 << 12> rest{};
    while (read(descriptor(), rest.data(), rest.size()) > 0) {
    }
    writer.join();
}

TEST(PathReader, of_a_closed_descriptor_says_so) {
    PathReader reader(-1);
    test::expect_error<std::exception>([&] { (void)reader.next(9); }, "Cannot read the paths: Bad file descriptor");
}

}  // namespace
}  // namespace saccade::classify
