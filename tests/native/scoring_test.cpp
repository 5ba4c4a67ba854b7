#include "saccade/scoring.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "encode.hpp"

namespace saccade {
namespace {

constexpr float kTolerance = 1e-6F;
const float kLog3 = std::log(3.0F);

std::vector<float> softmax_of(const std::vector<float>& logits, float temperature) {
    std::vector<float> probabilities(logits.size());
    softmax(logits, temperature, probabilities);
    return probabilities;
}

std::vector<float> view_of(const std::vector<float>& image, Size size, const View& view) {
    std::vector<float> seen(image.size());
    take_view(image, size, view, seen);
    return seen;
}

TEST(Softmax, of_logits_that_differ_by_log_3_is_a_quarter_and_three_quarters) {
    const std::vector<float> probabilities = softmax_of({2.0F, 2.0F + kLog3}, 1);

    EXPECT_NEAR(probabilities[0], 0.25F, kTolerance);
    EXPECT_NEAR(probabilities[1], 0.75F, kTolerance);
}

TEST(Softmax, of_doubled_logits_at_temperature_2_is_the_same) {
    EXPECT_NEAR(softmax_of({0.0F, 2 * kLog3}, 2)[1], 0.75F, kTolerance);
}

TEST(Softmax, of_huge_logits_does_not_overflow) {
    EXPECT_NEAR(softmax_of({3e38F, 3e38F, -3e38F}, 0.01F)[0], 0.5F, kTolerance);
}

TEST(Energy, of_equal_logits_is_minus_the_logit_minus_the_log_of_the_classes) {
    const std::vector<float> logits{5.0F, 5.0F};

    EXPECT_NEAR(energy(logits, 1), -5 - std::numbers::ln2, kTolerance);
    EXPECT_NEAR(energy(logits, 2), -5 - 2 * std::numbers::ln2, kTolerance);
}

TEST(Energy, of_one_huge_logit_is_minus_that_logit) {
    EXPECT_FLOAT_EQ(energy(std::vector<float>{1e30F, 0.0F}, 1), -1e30F);
}

TEST(TopClasses, are_the_most_probable_first_and_of_equals_the_lower_class) {
    const std::vector<float> probabilities{0.1F, 0.3F, 0.3F, 0.05F, 0.25F};
    const std::vector<std::pair<int, float>> expected{{1, 0.3F}, {2, 0.3F}, {4, 0.25F}};

    EXPECT_EQ(top_classes(probabilities, 3), expected);
    EXPECT_EQ(top_classes(probabilities, 99).size(), 5U);
}

// Rows 0 1 2 / 3 4 5 in red, ten and twenty more in green and blue.
const std::vector<float> kImage{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25};
constexpr Size kSize{2, 3};

TEST(TakeView, without_change_is_the_image) {
    EXPECT_EQ(view_of(kImage, kSize, {}), kImage);
}

TEST(TakeView, mirrored_reverses_each_row) {
    const std::vector<float> expected{2, 1, 0, 5, 4, 3, 12, 11, 10, 15, 14, 13, 22, 21, 20, 25, 24, 23};

    EXPECT_EQ(view_of(kImage, kSize, {.flip = true}), expected);
}

TEST(TakeView, moved_down_and_right_reflects_the_borders_without_repeating_them) {
    // Row -1 is row 1, column -1 is column 1.
    const std::vector<float> expected{4, 3, 4, 1, 0, 1, 14, 13, 14, 11, 10, 11, 24, 23, 24, 21, 20, 21};

    EXPECT_EQ(view_of(kImage, kSize, {.dy = 1, .dx = 1}), expected);
}

TEST(TakeView, moved_up_and_left_by_two_reflects_at_the_other_end) {
    // Columns 2, 3, 4 are 2, 1, 0.
    const std::vector<float> expected{5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 25, 24, 23, 22, 21, 20};

    EXPECT_EQ(view_of(kImage, kSize, {.dy = -1, .dx = -2}), expected);
}

TEST(TakeView, is_moved_before_it_is_mirrored) {
    const std::vector<float> moved = view_of(kImage, kSize, {.dx = 1});

    EXPECT_EQ(view_of(kImage, kSize, {.flip = true, .dx = 1}), view_of(moved, kSize, {.flip = true}));
}

TEST(Scoring, by_default_is_possible) {
    EXPECT_NO_THROW(Scoring{}.check(kSize));
}

TEST(Scoring, impossible_values_are_spec_errors_that_name_them) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::pair<Scoring, std::string>> cases{
        {{.temperature = 0}, "temperature is 0.0"},
        {{.temperature = kNan}, "temperature is nan"},
        {{.top_k = 0}, "top_k is 0"},
        {{.views = {}}, "no view"},
        {{.views = {View{.flip = true}}}, "first view"},
        {{.views = {View{}, View{.dx = 3}}}, "(0, 3) pixels"},
        {{.views = {View{}, View{.dy = std::numeric_limits<int>::min()}}}, "its size or more"},
        {{.views = {View{.weight = 0}}}, "weighs 0.0"},
        {{.view_threshold = kNan}, "threshold"},
        {{.ood_threshold = kNan}, "threshold"},
        {{.ood_detector = OodDetector::kIsolationForest}, "forest decides but is missing"},
    };
    for (const auto& [scoring, part] : cases) {
        const Error error = test::error_of([&scoring = scoring] { scoring.check(kSize); });
        EXPECT_EQ(error.code(), Code::kSpec);
        EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
}

}  // namespace
}  // namespace saccade
