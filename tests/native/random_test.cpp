#include "saccade/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

namespace saccade {
namespace {

using Words = Random::Words;

// The known answers that come with Random123, the authors' own implementation (kat_vectors, philox4x32 10).
TEST(Philox, gives_its_known_answers) {
    EXPECT_EQ(Random::philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const std::uint32_t ones = 0xffffffff;
    EXPECT_EQ(Random::philox({ones, ones, ones, ones}, {ones, ones}),
              (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(Random::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, every_part_of_the_key_and_the_stream_count) {
    std::set<std::uint32_t> firsts;
    for (const ImageKey key : {ImageKey{0, 0, 0}, ImageKey{1, 0, 0}, ImageKey{std::uint64_t{1} << 32U, 0, 0},
                               ImageKey{0, 1, 0}, ImageKey{0, 0, 1}}) {
        firsts.insert(Random(key, 0).next());
        firsts.insert(Random(key, 1).next());
    }
    EXPECT_EQ(firsts.size(), 10U);
}

TEST(Random, integers_are_uniform_over_both_ends) {
    Random random({7});
    std::array<int, 5> counts{};
    for (int i = 0; i < 50'000; ++i) ++counts[static_cast<std::size_t>(random.integer(-2, 2) + 2)];

    double chi_square = 0;
    for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
    EXPECT_LT(chi_square, 18.5);  // 4 degrees of freedom, one seed in a thousand
}

TEST(Random, integer_of_one_is_that_one) {
    Random random({7});

    EXPECT_EQ(random.integer(3, 3), 3);
}

TEST(Random, uniform_numbers_have_the_moments_of_their_range) {
    Random random({7});
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 100'000; ++i) {
        const double value = random.uniform(2, 4);
        ASSERT_GE(value, 2);
        ASSERT_LT(value, 4);
        sum += value;
        squares += (value - 3) * (value - 3);
    }
    EXPECT_NEAR(sum / 100'000, 3, 0.01);
    EXPECT_NEAR(squares / 100'000, 4.0 / 12, 0.005);
}

// Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
TEST(Random, beta_has_its_mean_and_variance) {
    for (const double alpha : {0.2, 1.0, 3.0}) {
        Random random({11});
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < 100'000; ++i) {
            const double value = random.symmetric_beta(alpha);
            ASSERT_GE(value, 0);
            ASSERT_LE(value, 1);
            sum += value;
            squares += (value - 0.5) * (value - 0.5);
        }
        EXPECT_NEAR(sum / 100'000, 0.5, 0.006) << alpha;
        EXPECT_NEAR(squares / 100'000, 1 / (4 * (2 * alpha + 1)), 0.004) << alpha;
    }
}

}  // namespace
}  // namespace saccade
