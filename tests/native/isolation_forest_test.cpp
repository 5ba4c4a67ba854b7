#include "saccade/isolation_forest.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "encode.hpp"

namespace saccade {
namespace {

constexpr double kTolerance = 1e-9;
constexpr double kThreshold = 0.6F - 0.0F;  // exactly the float32 deviation of (3, 4) from (0, 1) in the first feature

/// Two trees: one cut of the first feature, and one that is a single leaf.
IsolationForestArrays two_trees() {
    return {
        .features = 2,
        .centres = {1, 0, 0, 1},
        .roots = {0, 3},
        .feature = {0, -1, -1, -1},
        .threshold = {0.5, 0, 0, 0},
        .left = {1, 0, 0, 0},
        .right = {2, 0, 0, 0},
        .path_length = {0, 3, 1.5, 2},
        .normalizer = 3.5,
    };
}

double score_of(const IsolationForestArrays& arrays, const std::vector<float>& features) {
    return IsolationForest(arrays).score(features);
}

TEST(IsolationForest, score_is_two_to_the_minus_mean_path_over_normalizer) {
    // Direction (0.6, 0.8) is nearest to (0, 1) and deviates by (0.6, -0.2): right leaf, 1.5. (1.5 + 2) / 2 / 3.5 =
    // 0.5.
    EXPECT_NEAR(score_of(two_trees(), {3, 4}), std::exp2(-0.5), kTolerance);
    // Direction (0.8, 0.6) is nearest to (1, 0) and deviates by (-0.2, 0.6): left leaf, 3. (3 + 2) / 2 / 3.5 = 5 / 7.
    EXPECT_NEAR(score_of(two_trees(), {4, 3}), std::exp2(-5.0 / 7.0), kTolerance);
}

TEST(IsolationForest, length_of_the_features_does_not_matter) {
    EXPECT_NEAR(score_of(two_trees(), {3e30F, 4e30F}), std::exp2(-0.5), kTolerance);
    EXPECT_NEAR(score_of(two_trees(), {3e-30F, 4e-30F}), std::exp2(-0.5), kTolerance);
}

TEST(IsolationForest, zero_features_have_a_score) {
    // Direction (0, 0) is as near to (1, 0) as to (0, 1); the first counts. It deviates by (-1, 0): left leaf.
    EXPECT_NEAR(score_of(two_trees(), {0, 0}), std::exp2(-5.0 / 7.0), kTolerance);
}

TEST(IsolationForest, value_at_the_threshold_goes_left) {
    IsolationForestArrays arrays = two_trees();
    arrays.threshold[0] = kThreshold;
    EXPECT_NEAR(score_of(arrays, {3, 4}), std::exp2(-5.0 / 7.0), kTolerance);

    arrays.threshold[0] = std::nextafter(kThreshold, 0.0);
    EXPECT_NEAR(score_of(arrays, {3, 4}), std::exp2(-0.5), kTolerance);
}

TEST(IsolationForest, takes_only_its_own_number_of_features) {
    const IsolationForest forest(two_trees());

    const Error error = test::error_of([&forest] { static_cast<void>(forest.score(std::vector<float>(3))); });
    EXPECT_EQ(error.code(), Code::kArgument);
    EXPECT_EQ(error.message(), "The isolation forest takes 2 features, not 3.");
}

TEST(IsolationForest, arrays_that_do_not_hang_together_are_spec_errors) {
    const std::vector<std::pair<std::function<void(IsolationForestArrays&)>, std::string>> cases{
        {[](auto& arrays) { arrays.features = 0; }, "no centres"},
        {[](auto& arrays) { arrays.centres.pop_back(); }, "do not fit"},
        {[](auto& arrays) { arrays.roots.clear(); }, "no trees"},
        {[](auto& arrays) { arrays.roots[1] = 4; }, "root that is no node"},
        {[](auto& arrays) { arrays.roots[1] = -1; }, "root that is no node"},
        {[](auto& arrays) { arrays.left.pop_back(); }, "different lengths"},
        {[](auto& arrays) { arrays.feature[0] = 2; }, "feature that does not exist, at node 0"},
        {[](auto& arrays) { arrays.left[0] = 0; }, "child out of place, at node 0"},
        {[](auto& arrays) { arrays.right[0] = 4; }, "child out of place, at node 0"},
        {[](auto& arrays) { arrays.right[0] = -7; }, "child out of place, at node 0"},
        {[](auto& arrays) { arrays.normalizer = 0; }, "normalizer"},
        {[](auto& arrays) { arrays.normalizer = std::nan(""); }, "normalizer"},
    };
    for (const auto& [damage, part] : cases) {
        IsolationForestArrays arrays = two_trees();
        damage(arrays);
        const Error error = test::error_of([&arrays] { IsolationForest{arrays}; });
        EXPECT_EQ(error.code(), Code::kSpec);
        EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
}

}  // namespace
}  // namespace saccade
