#include "forest.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "expect_error.hpp"
#include "files.hpp"
#include "saccade/error.hpp"

namespace saccade::classify {
namespace {

IsolationForest forest_of(const std::string& name) {
    return parse_forest(read_file(std::filesystem::path(SACCADE_NPZ_FOLDER) / (name + ".npz"), 1'000'000));
}

TEST(Forest, that_numpy_wrote_scores_as_worked_out_by_hand) {
    const IsolationForest forest = forest_of("forest");
    ASSERT_EQ(forest.features(), 2U);
    // The direction (1, 0) is a centre: deviation (0, 0), 0 <= 0.25, so left to a path of length 1; 2^(-1 / 2).
    EXPECT_NEAR(forest.score(std::vector<float>{3, 0}), std::sqrt(0.5), 1e-12);
    // The direction (0.6, 0.8) is nearest to (0, 1): deviation (0.6, -0.2), so right to a path of length 3; 2^(-3 / 2).
    EXPECT_NEAR(forest.score(std::vector<float>{3, 4}), std::sqrt(0.125), 1e-12);
}

TEST(Forest, with_arrays_that_do_not_fit_is_refused_by_name) {
    const auto expect_refused = [](const std::string& name, const std::string& words) {
        test::expect_error<BundleError>([&] { (void)forest_of(name); }, words);
    };
    expect_refused("nothing", "Array 'centres' is missing.");
    expect_refused("without-roots", "Array 'roots' is missing.");
    expect_refused("with-more", "Array 'more' is none of a forest's.");
    expect_refused("flat-centres", "Array 'centres': It has 1 dimensions, not 2.");
    expect_refused("wide-roots", "Array 'roots': It is of type '<f8', not '<i4'.");
}

TEST(Forest, whose_trees_run_in_circles_is_refused) {
    test::expect_error<Error>([] { (void)forest_of("circle"); }, "child out of place, at node 0");
}

}  // namespace
}  // namespace saccade::classify
