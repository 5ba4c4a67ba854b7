#include "png.hpp"

#include <gtest/gtest.h>

#include "encode.hpp"
#include "saccade/decode.hpp"

namespace saccade {
namespace {

using test::encode_png;
using test::File;
using test::largest_difference;
using test::PngOptions;

TEST(Png, colour_of_any_depth_alpha_and_interlace_gives_back_its_pixels) {
    const Image pixels = test::noise({19, 23});
    for (const int color_type : {PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA}) {
        for (const int bit_depth : {8, 16}) {
            for (const bool is_interlaced : {false, true}) {
                const File file = encode_png(pixels, {color_type, bit_depth, is_interlaced, {}});
                EXPECT_EQ(largest_difference(decode(file).view(), pixels.view()), 0);
            }
        }
    }
}

TEST(Png, grey_repeats_its_level) {
    const Image pixels = test::noise({5, 7});
    for (const int color_type : {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA}) {
        for (const int bit_depth : {8, 16}) {
            const Image decoded = decode(encode_png(pixels, {color_type, bit_depth, false, {}}));
            for (std::size_t i = 0; i < decoded.data().size(); ++i) {
                ASSERT_EQ(decoded.data()[i], pixels.data()[i / 3 * 3]);
            }
        }
    }
}

TEST(Png, transparent_palette_gives_its_colours) {
    const Image pixels = test::noise({5, 7});

    const Image decoded = decode(encode_png(pixels, {.color_type = PNG_COLOR_TYPE_PALETTE}));

    for (std::size_t i = 0; i < decoded.data().size(); i += 3) {
        ASSERT_EQ(decoded.data()[i], pixels.data()[i]);
        ASSERT_EQ(decoded.data()[i + 2], 255 - pixels.data()[i]);
    }
}

TEST(Png, orientation_of_its_exif_is_read) {
    const File with_prefix = test::exif_with_orientation(8);
    const File file = encode_png(test::noise({4, 9}), {.exif = File(with_prefix.begin() + 6, with_prefix.end())});

    EXPECT_EQ(PngReader(file, {}).orientation(), 8);
    EXPECT_EQ(decode(file).size(), (Size{9, 4}));
}

TEST(Png, cut_at_every_byte_is_truncated) {
    for (const bool is_interlaced : {false, true}) {
        const File file = encode_png(test::noise({8, 12}), {.is_interlaced = is_interlaced});
        const std::size_t end_chunk = 12;
        for (std::size_t length = 8; length + end_chunk < file.size(); ++length) {
            const Error error = test::error_of([&] { decode(Bytes(file).first(length)); });
            ASSERT_EQ(error.code(), Code::kTruncated) << length << ": " << error.message();
        }
    }
}

TEST(Png, any_changed_byte_gives_pixels_or_an_error) {
    const File file = encode_png(test::noise({8, 12}), {.color_type = PNG_COLOR_TYPE_PALETTE});
    for (std::size_t i = 0; i < file.size(); ++i) {
        for (const int change : {0x01, 0x80, 0xFF}) {
            File damaged = file;
            damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ change);
            try {
                decode(damaged, {.max_pixels = 100'000});
            } catch (const Error& error) {
                ASSERT_NE(error.code(), Code::kMemory);
            }
        }
    }
}

}  // namespace
}  // namespace saccade
