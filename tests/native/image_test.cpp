#include "saccade/image.hpp"

#include <gtest/gtest.h>

namespace saccade {
namespace {

TEST(Size, counts_pixels_beyond_32_bits) {
    const Size size{65'535, 65'535};

    EXPECT_EQ(size.pixels(), 4'294'836'225U);
    EXPECT_EQ(size.bytes(), 12'884'508'675U);
}

TEST(Image, keeps_its_memory_for_a_smaller_image) {
    Image image({300, 300});
    const std::uint8_t* before = image.data().data();

    image.reshape({10, 20});

    EXPECT_EQ(image.data().data(), before);
    EXPECT_EQ(image.data().size(), 600U);
}

TEST(Image, trimmed_below_what_it_holds_is_empty) {
    Image image({300, 300});

    image.trim(300 * 300);

    EXPECT_EQ(image.data().size(), 0U);
}

TEST(Image, row_starts_after_the_rows_before) {
    Image image({4, 5});

    EXPECT_EQ(image.row(2) - image.row(0), 2 * 5 * 3);
    EXPECT_EQ(image.view().row(3), image.row(3));
}

}  // namespace
}  // namespace saccade
