#include "filter.hpp"

#include <gtest/gtest.h>

namespace saccade {
namespace {

constexpr double kOne = 1 << kWeightBits;

TEST(MakeTaps, halving_weighs_four_samples_as_a_triangle) {
    std::vector<std::int32_t> weights;

    const std::vector<Tap> taps = make_taps({8, 0, 8, 4}, Filter::kTriangle, 1, 1, weights);

    // The centre lies between samples 2 and 3, the triangle is two samples wide on each side: 1/4, 3/4, 3/4, 1/4 of 2.
    ASSERT_EQ(taps.size(), 1U);
    EXPECT_EQ(taps[0].first, 1);
    ASSERT_EQ(taps[0].count, 4);
    EXPECT_NEAR(weights[0] / kOne, 0.125, 1e-6);
    EXPECT_NEAR(weights[1] / kOne, 0.375, 1e-6);
    EXPECT_NEAR(weights[2] / kOne, 0.375, 1e-6);
    EXPECT_NEAR(weights[3] / kOne, 0.125, 1e-6);
}

TEST(MakeTaps, doubling_interpolates_between_neighbours) {
    std::vector<std::int32_t> weights;

    const std::vector<Tap> taps = make_taps({4, 0, 4, 8}, Filter::kTriangle, 2, 1, weights);

    // Output 2 has its centre at 1.25: a quarter of sample 0 and three quarters of sample 1.
    EXPECT_EQ(taps[0].first, 0);
    ASSERT_GE(taps[0].count, 2);
    EXPECT_NEAR(weights[0] / kOne, 0.25, 1e-6);
    EXPECT_NEAR(weights[1] / kOne, 0.75, 1e-6);
}

TEST(MakeTaps, bicubic_halving_weighs_eight_samples_as_keys_cubic) {
    std::vector<std::int32_t> weights;

    const std::vector<Tap> taps = make_taps({16, 0, 16, 8}, Filter::kBicubic, 3, 1, weights);

    // Distances 1/4, 3/4, 5/4, 7/4 of the cubic: 111, 29, -9, -3 of 128, twice as wide and so half as high.
    EXPECT_EQ(taps[0].first, 3);
    ASSERT_EQ(taps[0].count, 8);
    const double expected[] = {-3, -9, 29, 111, 111, 29, -9, -3};
    for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(weights[i] / kOne, expected[i] / 256, 1e-6) << i;
}

TEST(MakeTaps, weights_sum_to_one_and_stay_inside_for_any_sizes) {
    for (int samples = 1; samples < 40; ++samples) {
        for (int size = 1; size < 40; ++size) {
            const Axis axis{samples, 0, static_cast<double>(samples), size};
            std::vector<std::int32_t> weights;
            for (const Tap& tap :
                 make_taps(axis, size % 2 == 0 ? Filter::kTriangle : Filter::kBicubic, 0, size, weights)) {
                double sum = 0;
                for (int i = 0; i < tap.count; ++i) sum += weights[tap.first_weight + static_cast<std::size_t>(i)];
                EXPECT_NEAR(sum / kOne, 1, 1e-5);
                EXPECT_GE(tap.first, 0);
                EXPECT_LE(tap.first + tap.count, samples);
            }
        }
    }
}

TEST(MakeTaps, sample_that_hardly_belongs_to_the_range_is_not_used) {
    std::vector<std::int32_t> weights;

    const Tap last = make_taps({11, 0, 10.25, 5}, Filter::kTriangle, 4, 1, weights)[0];
    const Tap first = make_taps({11, 0.75, 11, 5}, Filter::kTriangle, 0, 1, weights)[0];

    EXPECT_EQ(last.first + last.count, 10);
    EXPECT_EQ(first.first, 1);
}

TEST(MakeTaps, sample_of_which_half_belongs_to_the_range_is_used) {
    std::vector<std::int32_t> weights;

    const Tap last = make_taps({11, 0, 10.5, 5}, Filter::kTriangle, 4, 1, weights)[0];

    EXPECT_EQ(last.first + last.count, 11);
}

}  // namespace
}  // namespace saccade
