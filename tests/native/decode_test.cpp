#include "saccade/decode.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "encode.hpp"

namespace saccade {
namespace {

using test::File;

Bytes bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(DetectFormat, goes_by_the_first_bytes) {
    const Image pixels = test::noise({3, 3});

    EXPECT_EQ(detect_format(test::encode_jpeg(pixels)), Format::kJpeg);
    EXPECT_EQ(detect_format(test::encode_png(pixels)), Format::kPng);
    EXPECT_EQ(detect_format(test::encode_webp(pixels)), Format::kWebp);
    EXPECT_EQ(detect_format(bytes_of("RIFFxxxxWAVE")), Format::kUnknown);
    EXPECT_EQ(detect_format({}), Format::kUnknown);
}

TEST(Decode, of_anything_else_is_unknown_format) {
    EXPECT_EQ(test::error_of([] { decode({}); }).message(), "The image file is empty.");
    EXPECT_EQ(test::error_of([] { decode(bytes_of("text")); }).code(), Code::kUnknownFormat);
}

TEST(Decode, obeys_each_limit_of_each_format) {
    const Image pixels = test::noise({10, 20});
    for (const File& file : {test::encode_jpeg(pixels), test::encode_png(pixels), test::encode_webp(pixels)}) {
        const std::array<Limits, 3> beyond{Limits{.max_bytes = file.size() - 1}, Limits{.max_side = 19},
                                           Limits{.max_pixels = 199}};
        for (const Limits& limits : beyond) {
            EXPECT_EQ(test::error_of([&] { decode(file, limits); }).code(), Code::kLimit);
        }
        EXPECT_NO_THROW(decode(file, {.max_bytes = file.size(), .max_side = 20, .max_pixels = 200}));
    }
}

TEST(Decode, messages_do_not_name_the_library_that_failed) {
    const Image pixels = test::noise({10, 20});
    for (const File& file : {test::encode_jpeg(pixels), test::encode_png(pixels), test::encode_webp(pixels)}) {
        File damaged = file;
        std::fill(damaged.begin() + 20, damaged.begin() + 60, std::uint8_t{0xFF});
        const std::string message = test::error_of([&] { decode(damaged); }).message();
        for (const char* word : {"lib", "libjpeg", "libpng", "zlib", "CRC", "Huffman", "VP8"}) {
            EXPECT_EQ(message.find(word), std::string::npos) << message;
        }
    }
}

}  // namespace
}  // namespace saccade
