#include "webp.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "encode.hpp"
#include "saccade/decode.hpp"
#include "saccade/resize.hpp"

namespace saccade {
namespace {

using test::encode_webp;
using test::File;

void append_chunk(File& riff, std::string_view name, const File& content) {
    riff.insert(riff.end(), name.begin(), name.end());
    for (unsigned shift = 0; shift < 32; shift += 8) riff.push_back(static_cast<std::uint8_t>(content.size() >> shift));
    riff.insert(riff.end(), content.begin(), content.end());
    if (content.size() % 2 == 1) riff.push_back(0);
    for (unsigned i = 0; i < 4; ++i) riff[4 + i] = static_cast<std::uint8_t>((riff.size() - 8) >> (8 * i));
}

/// The extended layout, which may carry EXIF, around a simple file's one chunk.
File extended(const File& simple, Size size, const File& exif) {
    File riff{'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P'};
    const auto low = [](int side) { return static_cast<std::uint8_t>(side - 1); };
    append_chunk(riff, "VP8X", {0x08, 0, 0, 0, low(size.width), 0, 0, low(size.height), 0, 0});
    riff.insert(riff.end(), simple.begin() + 12, simple.end());
    append_chunk(riff, "EXIF", exif);
    return riff;
}

TEST(Webp, lossless_gives_back_its_pixels) {
    const Image pixels = test::noise({19, 23});

    EXPECT_EQ(test::largest_difference(decode(encode_webp(pixels)).view(), pixels.view()), 0);
}

TEST(Webp, orientation_of_its_exif_is_applied) {
    const Image pixels = test::noise({4, 9});
    const File file = extended(encode_webp(pixels), pixels.size(), test::exif_with_orientation(6));

    EXPECT_EQ(WebpReader(file, {}).orientation(), 6);
    EXPECT_EQ(decode(file).size(), (Size{9, 4}));
}

TEST(Webp, is_decoded_at_the_smallest_scale_that_covers_twice) {
    const Image pixels = test::gradient({60, 82});
    const File file = encode_webp(pixels);
    WebpReader reader(file, {});

    const Scaled scaled = reader.scale_to(0.1);
    Image out;
    const Crop region = reader.read({0, 0, {1, 1}}, out);

    EXPECT_EQ(scaled.size, (Size{15, 21}));  // a quarter, rounded up
    EXPECT_DOUBLE_EQ(scaled.across, 21.0 / 82);
    EXPECT_EQ(region, (Crop{0, 0, {15, 21}}));
    EXPECT_LE(test::largest_difference(out.view(), resize(pixels.view(), {15, 21}).view()), 6);
}

TEST(Webp, of_an_odd_side_is_not_scaled) {
    const File file = encode_webp(test::gradient({60, 83}));

    EXPECT_EQ(WebpReader(file, {}).scale_to(0.1).size, (Size{60, 83}));
}

TEST(Webp, cut_at_every_byte_is_truncated) {
    const File file = encode_webp(test::noise({8, 12}));
    for (std::size_t length = 12; length < file.size(); ++length) {
        const Error error = test::error_of([&] { decode(Bytes(file).first(length)); });
        ASSERT_EQ(error.code(), Code::kTruncated) << length << ": " << error.message();
    }
}

TEST(Webp, any_changed_byte_gives_pixels_or_an_error) {
    const Image pixels = test::noise({8, 12});
    const File file = extended(encode_webp(pixels), pixels.size(), test::exif_with_orientation(6));
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
