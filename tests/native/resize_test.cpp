#include "saccade/resize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "encode.hpp"

namespace saccade {
namespace {

/// The definition in floating point, both directions at once: sums over every pixel, so for small images only.
Image reference(const Image& image, Size size) {
    Image out(size);
    const double scale_y = static_cast<double>(image.size().height) / size.height;
    const double scale_x = static_cast<double>(image.size().width) / size.width;
    const auto weight = [](double distance, double scale) {
        return std::max(0.0, 1 - std::abs(distance) / std::max(scale, 1.0));
    };
    for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < size.width; ++x) {
            double sums[3] = {0, 0, 0};
            double total = 0;
            for (int v = 0; v < image.size().height; ++v) {
                for (int u = 0; u < image.size().width; ++u) {
                    const double w =
                        weight(v + 0.5 - (y + 0.5) * scale_y, scale_y) * weight(u + 0.5 - (x + 0.5) * scale_x, scale_x);
                    for (std::size_t c = 0; c < 3; ++c)
                        sums[c] += w * image.view().row(v)[static_cast<std::size_t>(u) * 3 + c];
                    total += w;
                }
            }
            for (std::size_t c = 0; c < 3; ++c) {
                out.row(y)[static_cast<std::size_t>(x) * 3 + c] =
                    static_cast<std::uint8_t>(std::lround(sums[c] / total));
            }
        }
    }
    return out;
}

void frame(const Image& image, const Framing& framing, Image& out, ResizeScratch& scratch) {
    ResizePlan(image.size(), framing).run(image.view(), {0, 0, image.size()}, out.data(), scratch);
}

TEST(Resize, is_within_one_level_of_the_definition) {
    for (const Size from : {Size{13, 9}, Size{1, 20}, Size{20, 1}, Size{16, 16}}) {
        for (const Size to : {Size{5, 7}, Size{8, 8}, Size{30, 3}, Size{1, 1}, Size{31, 40}}) {
            const Image image = test::noise(from);
            EXPECT_LE(test::largest_difference(resize(image.view(), to).view(), reference(image, to).view()), 1);
        }
    }
}

TEST(Resize, to_the_same_size_is_exact) {
    const Image image = test::noise({17, 70});

    EXPECT_EQ(test::largest_difference(resize(image.view(), {17, 70}).view(), image.view()), 0);
}

TEST(ResizePlan, equals_the_same_part_of_the_whole) {
    const Image image = test::noise({50, 81});
    const Image whole = resize(image.view(), {23, 40});
    const Crop keep{4, 7, {11, 20}};
    Image part(keep.size);
    ResizeScratch scratch;

    frame(image, {Box::whole({50, 81}), {23, 40}, keep}, part, scratch);

    for (int y = 0; y < keep.size.height; ++y) {
        const std::uint8_t* expected = whole.view().row(keep.top + y) + static_cast<std::size_t>(keep.left) * kChannels;
        EXPECT_TRUE(std::equal(part.row(y), part.row(y) + keep.size.width * 3, expected)) << y;
    }
}

TEST(ResizePlan, of_unchanged_size_is_a_crop) {
    const Image image = test::noise({10, 12});
    Image part({3, 4});
    ResizeScratch scratch;

    frame(image, {Box::whole({10, 12}), {10, 12}, {2, 5, {3, 4}}}, part, scratch);

    EXPECT_TRUE(std::equal(part.row(1), part.row(1) + 12, image.view().row(3) + 15));
}

TEST(ResizePlan, scratch_of_a_larger_image_does_not_show) {
    const Image large = test::noise({200, 200});
    const Image small = test::noise({9, 9}, 2);
    ResizeScratch scratch;
    Image first({7, 7});
    Image second({7, 7});

    frame(small, {Box::whole({9, 9}), {7, 7}, {0, 0, {7, 7}}}, first, scratch);
    Image ignored({50, 60});
    frame(large, {Box::whole({200, 200}), {50, 60}, {0, 0, {50, 60}}}, ignored, scratch);
    frame(small, {Box::whole({9, 9}), {7, 7}, {0, 0, {7, 7}}}, second, scratch);

    EXPECT_EQ(test::largest_difference(first.view(), second.view()), 0);
}

TEST(Resize, of_or_to_nothing_is_argument_error) {
    const Image image = test::noise({2, 2});

    EXPECT_EQ(test::error_of([&] { resize(image.view(), {0, 2}); }).code(), Code::kArgument);
    EXPECT_EQ(test::error_of([&] { resize(image.view(), {2, kMaxSide + 1}); }).code(), Code::kArgument);
    EXPECT_EQ(test::error_of([&] { resize({{}, {0, 2}}, {2, 2}); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
