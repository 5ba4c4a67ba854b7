#include "exif.hpp"

#include <gtest/gtest.h>

#include "encode.hpp"

namespace saccade {
namespace {

using test::exif_with_orientation;
using test::File;

TEST(Exif, orientation_is_read_with_and_without_prefix) {
    const File exif = exif_with_orientation(6);

    EXPECT_EQ(exif_orientation(exif), 6);
    EXPECT_EQ(exif_orientation(Bytes(exif).subspan(6)), 6);
}

TEST(Exif, orientation_is_read_in_big_endian_order_and_as_long) {
    const File exif{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 8};

    EXPECT_EQ(exif_orientation(exif), 8);
}

TEST(Exif, orientation_after_other_entries_is_found) {
    const File exif{'M',  'M',  0, 42, 0, 0, 0, 8, 0, 2,         // two entries
                    0x01, 0x0F, 0, 2,  0, 0, 0, 1, 0, 0, 0, 0,   // a text
                    0x01, 0x12, 0, 3,  0, 0, 0, 1, 0, 3, 0, 0};  // orientation 3

    EXPECT_EQ(exif_orientation(exif), 3);
}

TEST(Exif, value_outside_one_to_eight_means_upright) {
    EXPECT_EQ(exif_orientation(exif_with_orientation(0)), 1);
    EXPECT_EQ(exif_orientation(exif_with_orientation(9)), 1);
}

TEST(Exif, block_cut_anywhere_is_upright_or_right) {
    const File exif = exif_with_orientation(5);
    for (std::size_t length = 0; length < exif.size(); ++length) {
        const int orientation = exif_orientation(Bytes(exif).first(length));
        EXPECT_TRUE(orientation == 1 || orientation == 5) << length;
    }
}

TEST(Exif, directory_beyond_the_end_means_upright) {
    File exif = exif_with_orientation(5);
    exif[10] = exif[11] = exif[12] = exif[13] = 0xFF;

    EXPECT_EQ(exif_orientation(exif), 1);
}

}  // namespace
}  // namespace saccade
