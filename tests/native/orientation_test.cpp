#include "orientation.hpp"

#include <gtest/gtest.h>

#include <string>

namespace saccade {
namespace {

/// Two rows of three pixels, called a b c and d e f.
Image letters() {
    Image image({2, 3});
    for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t c = 0; c < kChannels; ++c)
            image.data()[i * kChannels + c] = static_cast<std::uint8_t>('a' + i);
    }
    return image;
}

/// Rows separated by a slash.
std::string text_of(const Image& image) {
    std::string text;
    for (int y = 0; y < image.size().height; ++y) {
        if (y > 0) text += '/';
        for (int x = 0; x < image.size().width; ++x) {
            text += static_cast<char>(image.view().row(y)[static_cast<std::size_t>(x) * kChannels + 1]);
        }
    }
    return text;
}

std::string upright(int orientation) {
    Image result;
    orient(letters().view(), orientation, result);
    return text_of(result);
}

TEST(Orientation, all_eight_are_turned_as_the_standard_says) {
    EXPECT_EQ(upright(1), "abc/def");
    EXPECT_EQ(upright(2), "cba/fed");
    EXPECT_EQ(upright(3), "fed/cba");
    EXPECT_EQ(upright(4), "def/abc");
    EXPECT_EQ(upright(5), "ad/be/cf");
    EXPECT_EQ(upright(6), "da/eb/fc");
    EXPECT_EQ(upright(7), "fc/eb/da");
    EXPECT_EQ(upright(8), "cf/be/ad");
}

TEST(Orientation, box_moves_with_its_picture) {
    const Box box{0, 0, 1.5, 2.5};  // of 2 rows of 3: half a row is missing below and half a column on the right
    const Size stored{2, 3};

    const Box turned = orient_box(box, 6, stored);  // a quarter turn to the right: what was below is on the left

    EXPECT_DOUBLE_EQ(turned.left, 0.5);
    EXPECT_DOUBLE_EQ(turned.right, 2);
    EXPECT_DOUBLE_EQ(turned.top, 0);
    EXPECT_DOUBLE_EQ(turned.bottom, 2.5);
    EXPECT_DOUBLE_EQ(orient_box(box, 3, stored).left, 0.5);
    EXPECT_DOUBLE_EQ(orient_box(box, 3, stored).top, 0.5);
    EXPECT_DOUBLE_EQ(orient_box(box, 1, stored).bottom, 1.5);
}

}  // namespace
}  // namespace saccade
