#include "text.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace saccade {
namespace {

TEST(Grouped, separates_thousands) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(grouped(-1000), "-1,000");
    EXPECT_EQ(grouped(-100), "-100");
    EXPECT_EQ(grouped(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Shortest, reads_back_as_the_same_number) {
    EXPECT_EQ(shortest(0.25), "0.25");
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(shortest(3), "3");
}

}  // namespace
}  // namespace saccade
