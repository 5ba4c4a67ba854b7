#include "saccade/mixing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace saccade {
namespace {

constexpr Size kSize{6, 8};
const std::vector<std::uint8_t> kImage(kSize.bytes(), 200);
const std::vector<std::uint8_t> kPartner(kSize.bytes(), 100);

TEST(Mix, averages_by_its_weight) {
    std::vector<std::uint8_t> image = kImage;

    Mix{0.75, {}}.apply(image, kPartner, kSize);

    EXPECT_TRUE(std::ranges::all_of(image, [](int level) { return level == 175; }));
}

TEST(Mix, weight_of_one_changes_nothing) {
    std::vector<std::uint8_t> image = kImage;

    Mix{1, {}}.apply(image, kPartner, kSize);

    EXPECT_EQ(image, kImage);
}

TEST(Mixing, label_weight_of_a_pasted_box_is_the_share_of_pixels_that_stay) {
    const Mixing mixing{std::nullopt, 1.0};
    bool has_pasted = false;
    for (std::uint32_t batch = 0; batch < 200; ++batch) {
        std::vector<std::uint8_t> image = kImage;
        const Mix mix = mixing.draw(5, 0, batch, kSize);

        mix.apply(image, kPartner, kSize);

        const auto kept = static_cast<double>(std::ranges::count(image, 200)) / static_cast<double>(image.size());
        ASSERT_NEAR(mix.weight, kept, 1e-12) << batch;
        has_pasted = has_pasted || kept < 1;
    }
    EXPECT_TRUE(has_pasted);
}

TEST(Mixing, both_take_turns_and_are_the_same_for_the_same_batch) {
    const Mixing mixing{1.0, 1.0};
    int pasted = 0;
    for (std::uint32_t batch = 0; batch < 1000; ++batch) {
        const Mix mix = mixing.draw(5, 3, batch, {32, 32});
        EXPECT_EQ(mix.weight, mixing.draw(5, 3, batch, {32, 32}).weight);
        pasted += mix.pasted.size.pixels() != 0 ? 1 : 0;
    }
    EXPECT_NEAR(pasted, 500, 60);
}

}  // namespace
}  // namespace saccade
