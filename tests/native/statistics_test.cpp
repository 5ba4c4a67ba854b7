#include "saccade/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "encode.hpp"
#include "saccade/resize.hpp"

namespace saccade {
namespace {

TEST(ImageStatistics, of_flat_colour_are_those_worked_out_by_hand) {
    Image image({4, 6});
    for (std::size_t i = 0; i < image.data().size(); i += 3) {
        image.data()[i] = 200;
        image.data()[i + 1] = 100;
        image.data()[i + 2] = 50;
    }

    const ImageStatistics statistics = image_statistics(image.view());

    // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2, rounded; (200 - 50) / 200
    EXPECT_NEAR(statistics.brightness, 124.0 / 255, 1e-6);
    EXPECT_NEAR(statistics.saturation, 0.75, 1e-5);
    EXPECT_EQ(statistics.contrast, 0);
    EXPECT_EQ(statistics.sharpness, 0);
    EXPECT_EQ(statistics.entropy, 0);
    EXPECT_EQ(statistics.perceptual_hash, std::uint64_t{1} << 63U);
}

TEST(ImageStatistics, of_two_halves_have_one_bit_of_entropy) {
    Image image({2, 2});
    std::fill_n(image.data().begin(), 6, std::uint8_t{255});
    std::fill_n(image.data().begin() + 6, 6, std::uint8_t{0});

    const ImageStatistics statistics = image_statistics(image.view());

    EXPECT_NEAR(statistics.entropy, 1, 1e-6);
    EXPECT_NEAR(statistics.contrast, 0.5, 1e-6);
    EXPECT_NEAR(statistics.brightness, 0.5, 1e-6);
}

TEST(ImageStatistics, of_a_single_bright_pixel_have_the_laplacians_variance) {
    Image image({3, 4});
    std::ranges::fill(image.data(), std::uint8_t{0});
    std::fill_n(image.row(1) + 3, 3, std::uint8_t{255});

    // Two inner pixels: the bright one has 4, its neighbour -1; mean 1.5, variance 6.25.
    EXPECT_NEAR(image_statistics(image.view()).sharpness, 6.25, 1e-5);
}

TEST(ImageStatistics, hash_of_a_smaller_copy_is_near_and_of_a_mirrored_one_far) {
    const Image blobs = test::noise({8, 12});
    const Image large = resize(blobs.view(), {200, 300});
    Image mirrored({200, 300});
    for (int y = 0; y < 200; ++y) std::reverse_copy(large.view().row(y), large.view().row(y) + 900, mirrored.row(y));

    const auto hash = [](const Image& image) { return image_statistics(image.view()).perceptual_hash; };

    EXPECT_LE(std::popcount(hash(large) ^ hash(resize(large.view(), {100, 150}))), 4);
    EXPECT_GE(std::popcount(hash(large) ^ hash(mirrored)), 8);
}

TEST(ImageStatistics, of_no_pixels_is_argument_error) {
    EXPECT_EQ(test::error_of([] { image_statistics({{}, {0, 0}}); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
