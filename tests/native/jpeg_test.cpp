#include "jpeg.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "encode.hpp"
#include "saccade/decode.hpp"

namespace saccade {
namespace {

using test::encode_jpeg;
using test::File;
using test::JpegOptions;
using test::largest_difference;

TEST(Jpeg, every_kind_decodes_near_its_pixels) {
    const Image pixels = test::gradient({41, 57});
    const std::vector<JpegOptions> kinds{
        {.quality = 95},
        {.quality = 95, .luma_sampling = {2, 2}},
        {.quality = 95, .is_progressive = true},
        {.quality = 95, .is_arithmetic = true},
        {.quality = 95, .restart_interval = 2},
    };
    for (const JpegOptions& options : kinds) {
        EXPECT_LE(largest_difference(decode(encode_jpeg(pixels, options)).view(), pixels.view()), 9);
    }
}

TEST(Jpeg, grey_becomes_three_equal_channels) {
    const Image decoded = decode(encode_jpeg(test::gradient({20, 30}), {.is_grey = true}));

    for (std::size_t i = 0; i < decoded.data().size(); i += 3) {
        ASSERT_EQ(decoded.data()[i], decoded.data()[i + 1]);
        ASSERT_EQ(decoded.data()[i], decoded.data()[i + 2]);
    }
}

TEST(Jpeg, cmyk_is_taken_as_inverted) {
    Image pixels({8, 8});
    std::ranges::fill(pixels.data(), std::uint8_t{255});  // all inks at 255, which inverted means none: white

    const Image decoded = decode(encode_jpeg(pixels, {.is_cmyk = true}));

    EXPECT_GE(*std::ranges::min_element(decoded.data()), 254);
}

TEST(Jpeg, is_decoded_at_the_smallest_scale_that_covers) {
    const File file = encode_jpeg(test::gradient({333, 500}));
    const auto size_for = [&file](double least_scale) { return JpegReader(file, {}).scale_to(least_scale).size; };

    EXPECT_EQ(size_for(0.001), (Size{42, 63}));
    EXPECT_EQ(size_for(0.125), (Size{42, 63}));
    EXPECT_EQ(size_for(42.0 / 333), (Size{84, 125}));  // 333 / 8 is 41.6 and does not cover 42
    EXPECT_EQ(size_for(0.251), (Size{167, 250}));
    EXPECT_EQ(size_for(0.501), (Size{333, 500}));
    EXPECT_EQ(size_for(20), (Size{333, 500}));
}

TEST(Jpeg, scale_is_that_of_the_picture_and_not_of_its_rounded_up_size) {
    const File file = encode_jpeg(test::gradient({333, 501}));

    const Scaled scaled = JpegReader(file, {}).scale_to(0.25);

    EXPECT_EQ(scaled.size, (Size{84, 126}));
    EXPECT_DOUBLE_EQ(scaled.down, 0.25);
    EXPECT_DOUBLE_EQ(scaled.across, 0.25);
}

/// A part of a picture, and where it lies.
struct Part {
    Image pixels;
    Crop region;
};

Part read_part(const File& file, double scale, const Crop& needed) {
    JpegReader reader(file, {});
    reader.scale_to(scale);
    Part part;
    part.region = reader.read(needed, part.pixels);
    return part;
}

bool covers(const Crop& outer, const Crop& inner) {
    return outer.top <= inner.top && outer.left <= inner.left && outer.bottom() >= inner.bottom() &&
           outer.right() >= inner.right();
}

/// Whether the part holds, where it is needed, what the whole picture holds there.
bool agrees(const Part& part, const Crop& needed, const Image& whole) {
    const std::size_t bytes = static_cast<std::size_t>(needed.size.width) * kChannels;
    for (int y = needed.top; y < needed.bottom(); ++y) {
        const std::uint8_t* expected = whole.view().row(y) + static_cast<std::size_t>(needed.left) * kChannels;
        const std::uint8_t* read = part.pixels.view().row(y - part.region.top) +
                                   static_cast<std::size_t>(needed.left - part.region.left) * kChannels;
        if (!std::equal(expected, expected + bytes, read)) return false;
    }
    return true;
}

class JpegPart : public testing::TestWithParam<JpegOptions> {};

TEST_P(JpegPart, is_what_the_whole_picture_has_there) {
    const File file = encode_jpeg(test::noise({203, 277}), GetParam());
    std::mt19937 random(1);
    for (const double scale : {0.125, 0.25, 0.5, 1.0}) {
        const Size size = JpegReader(file, {}).scale_to(scale).size;
        const Part whole = read_part(file, scale, {0, 0, size});
        ASSERT_EQ(whole.region, (Crop{0, 0, size}));
        for (int round = 0; round < 40; ++round) {
            const int top = static_cast<int>(random() % static_cast<unsigned>(size.height));
            const int left = static_cast<int>(random() % static_cast<unsigned>(size.width));
            const Crop needed{top,
                              left,
                              {1 + static_cast<int>(random() % static_cast<unsigned>(size.height - top)),
                               1 + static_cast<int>(random() % static_cast<unsigned>(size.width - left))}};
            const Part part = read_part(file, scale, needed);
            ASSERT_TRUE(covers(part.region, needed));
            ASSERT_TRUE(agrees(part, needed, whole.pixels))
                << "scale " << scale << ", rows " << top << " to " << needed.bottom() << ", columns " << left << " to "
                << needed.right();
        }
    }
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, JpegPart,
                         testing::Values(JpegOptions{}, JpegOptions{.luma_sampling = {2, 2}},
                                         JpegOptions{.luma_sampling = {1, 2}}, JpegOptions{.luma_sampling = {2, 1}},
                                         JpegOptions{.luma_sampling = {1, 4}},
                                         JpegOptions{.luma_sampling = {2, 2}, .is_progressive = true},
                                         JpegOptions{.is_arithmetic = true}, JpegOptions{.is_grey = true},
                                         JpegOptions{.is_cmyk = true},
                                         JpegOptions{.luma_sampling = {2, 2}, .restart_interval = 3}));

TEST(Jpeg, part_of_a_file_that_is_cut_anywhere_is_truncated) {
    for (const JpegOptions& options : {JpegOptions{}, JpegOptions{.is_progressive = true}}) {
        const File file = encode_jpeg(test::noise({64, 48}), options);
        for (std::size_t length = 1000; length + 3 < file.size(); length += 7) {
            const File cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
            const auto work = [&] { read_part(cut, 1, {8, 8, {20, 20}}); };
            ASSERT_EQ(test::error_of(work).code(), Code::kTruncated) << length << " of " << file.size();
        }
    }
}

TEST(Jpeg, cut_at_every_byte_is_truncated) {
    for (const JpegOptions& options :
         {JpegOptions{}, JpegOptions{.is_progressive = true}, JpegOptions{.restart_interval = 1}}) {
        const File file = encode_jpeg(test::noise({16, 24}), options);
        for (std::size_t length = 3; length + 3 < file.size(); ++length) {
            const Error error = test::error_of([&] { decode(Bytes(file).first(length)); });
            ASSERT_EQ(error.code(), Code::kTruncated) << length << " of " << file.size() << ": " << error.message();
        }
    }
}

TEST(Jpeg, arithmetic_cut_at_every_byte_is_truncated_though_its_decoder_makes_up_the_rest) {
    const File file = encode_jpeg(test::noise({16, 24}), {.is_arithmetic = true});
    for (std::size_t length = 3; length < file.size(); ++length) {
        const Error error = test::error_of([&] { decode(Bytes(file).first(length)); });
        ASSERT_EQ(error.code(), Code::kTruncated) << length << " of " << file.size() << ": " << error.message();
    }
}

TEST(Jpeg, progressive_without_its_end_marker_is_truncated) {
    const File file = encode_jpeg(test::noise({16, 24}), {.is_progressive = true});

    EXPECT_EQ(test::error_of([&] { decode(Bytes(file).first(file.size() - 2)); }).code(), Code::kTruncated);
}

TEST(Jpeg, baseline_without_its_end_marker_is_whole) {
    const File file = encode_jpeg(test::noise({16, 24}));

    EXPECT_EQ(largest_difference(decode(Bytes(file).first(file.size() - 2)).view(), decode(file).view()), 0);
}

TEST(Jpeg, truncated_message_names_bytes_and_rows) {
    const File file = encode_jpeg(test::noise({64, 64}));
    const std::string message = test::error_of([&] { decode(Bytes(file).first(2000)); }).message();

    EXPECT_NE(message.find("stops after 2,000 bytes"), std::string::npos) << message;
    EXPECT_NE(message.find("of 64 rows"), std::string::npos) << message;
}

TEST(Jpeg, any_changed_byte_gives_pixels_or_an_error) {
    for (const bool is_progressive : {false, true}) {
        const File file = encode_jpeg(test::noise({16, 16}), {.quality = 60, .is_progressive = is_progressive});
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
}

TEST(Jpeg, more_scans_than_the_limit_are_limit_error) {
    const File file = encode_jpeg(test::noise({16, 16}), {.is_progressive = true});

    EXPECT_EQ(test::error_of([&] { decode(file, {.max_scans = 2}); }).code(), Code::kLimit);
}

TEST(Jpeg, orientation_of_its_exif_is_read) {
    JpegReader reader(encode_jpeg(test::noise({8, 16}), {.exif = test::exif_with_orientation(6)}), {});

    EXPECT_EQ(reader.orientation(), 6);
    EXPECT_EQ(reader.size(), (Size{8, 16}));
}

TEST(Jpeg, tables_of_an_earlier_file_do_not_serve_a_later_one) {
    // Without its quantisation table (marker DB) a file must fail, whatever was decoded before on this thread.
    const File whole = encode_jpeg(test::noise({16, 16}));
    File without = whole;
    const auto table = std::search_n(without.begin(), without.end(), 1, 0xDB) - 1;
    without.erase(table, table + 2 + 67);

    decode(whole);

    EXPECT_EQ(test::error_of([&] { decode(without); }).code(), Code::kFormat);
}

}  // namespace
}  // namespace saccade
