#include "jpeg_eighth.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "encode.hpp"

namespace saccade {
namespace {

using test::encode_jpeg;
using test::File;
using test::JpegOptions;

/// libjpeg's own reader of one file, with its header read and 1/8 chosen.
class Libjpeg {
  public:
    explicit Libjpeg(const File& file) {
        info_.err = jpeg_std_error(&errors_);
        errors_.emit_message = [](j_common_ptr, int) {};
        jpeg_create_decompress(&info_);
        jpeg_mem_src(&info_, file.data(), file.size());
        jpeg_read_header(&info_, TRUE);
        info_.scale_num = 1;
        info_.scale_denom = 8;
        info_.out_color_space = JCS_RGB;
        jpeg_calc_output_dimensions(&info_);
    }
    ~Libjpeg() { jpeg_destroy_decompress(&info_); }
    Libjpeg(const Libjpeg&) = delete;
    Libjpeg& operator=(const Libjpeg&) = delete;

    [[nodiscard]] const jpeg_decompress_struct& info() const { return info_; }
    [[nodiscard]] Size size() const {
        return {static_cast<int>(info_.output_height), static_cast<int>(info_.output_width)};
    }

    Image decoded() {
        Image image(size());
        jpeg_start_decompress(&info_);
        for (int y = 0; y < image.size().height; ++y) {
            JSAMPROW row = image.row(y);
            jpeg_read_scanlines(&info_, &row, 1);
        }
        return image;
    }

  private:
    jpeg_decompress_struct info_{};
    jpeg_error_mgr errors_{};
};

class JpegEighthOf : public testing::TestWithParam<JpegOptions> {};

TEST_P(JpegEighthOf, any_size_and_content_is_what_libjpeg_decodes) {
    for (const Size size : {Size{64, 64}, Size{203, 277}, Size{1, 1}, Size{9, 700}, Size{17, 15}}) {
        for (const Image& pixels : {test::noise(size), test::gradient(size)}) {
            const File file = encode_jpeg(pixels, GetParam());
            Libjpeg libjpeg(file);
            ASSERT_TRUE(JpegEighth::can_read(libjpeg.info()));
            Image out(libjpeg.size());

            ASSERT_TRUE(JpegEighth(libjpeg.info()).read({0, 0, out.size()}, out));

            EXPECT_EQ(test::largest_difference(out.view(), libjpeg.decoded().view()), 0) << size.height;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    EveryPlainKind, JpegEighthOf,
    testing::Values(JpegOptions{}, JpegOptions{.quality = 100}, JpegOptions{.quality = 5},
                    JpegOptions{.luma_sampling = {2, 2}}, JpegOptions{.quality = 100, .luma_sampling = {2, 2}},
                    JpegOptions{.quality = 1, .luma_sampling = {2, 2}}, JpegOptions{.is_grey = true},
                    JpegOptions{.luma_sampling = {2, 2}, .restart_interval = 3}, JpegOptions{.restart_interval = 1}));

TEST(JpegEighth, leaves_unusual_files_to_libjpeg) {
    for (const JpegOptions& options :
         {JpegOptions{.is_progressive = true}, JpegOptions{.is_arithmetic = true}, JpegOptions{.is_cmyk = true},
          JpegOptions{.luma_sampling = {1, 2}}, JpegOptions{.luma_sampling = {2, 1}}}) {
        EXPECT_FALSE(JpegEighth::can_read(Libjpeg(encode_jpeg(test::noise({16, 16}), options)).info()));
    }
}

TEST(JpegEighth, leaves_tables_with_impossible_numbers_to_libjpeg) {
    const File whole = encode_jpeg(test::noise({16, 16}));
    const auto place_after = [&whole](std::uint8_t marker, std::ptrdiff_t bytes) {
        const std::array<std::uint8_t, 2> start{0xFF, marker};
        return static_cast<std::size_t>(std::ranges::search(whole, start).begin() - whole.begin() + bytes);
    };
    for (const std::size_t place : {place_after(0xC0, 12), place_after(0xDA, 6)}) {  // of the frame, of the scan
        File file = whole;
        file[place] = 0xFF;
        EXPECT_FALSE(JpegEighth::can_read(Libjpeg(file).info())) << place;
    }
}

TEST(JpegEighth, gives_up_on_a_file_that_is_cut_anywhere) {
    const File whole = encode_jpeg(test::noise({48, 48}), {.luma_sampling = {2, 2}, .restart_interval = 2});
    const std::size_t header = whole.size() / 2;
    for (std::size_t length = header; length + 3 < whole.size(); ++length) {
        const File file(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        const Libjpeg libjpeg(file);
        Image out({6, 6});
        ASSERT_FALSE(JpegEighth(libjpeg.info()).read({0, 0, {6, 6}}, out)) << length;
        ASSERT_FALSE(JpegEighth(libjpeg.info()).read({0, 0, {1, 6}}, out)) << length;
    }
}

TEST(JpegEighth, any_changed_bytes_give_libjpegs_picture_or_nothing) {
    const File whole = encode_jpeg(test::noise({64, 40}), {.luma_sampling = {2, 2}});
    std::mt19937 random(1);
    int same = 0;
    for (int round = 0; round < 3000; ++round) {
        File file = whole;
        const std::size_t at = whole.size() - 1 - random() % 1500;
        file[at] = static_cast<std::uint8_t>(random());
        Libjpeg libjpeg(file);
        Image out(libjpeg.size());
        if (!JpegEighth(libjpeg.info()).read({0, 0, out.size()}, out)) continue;
        ASSERT_EQ(test::largest_difference(out.view(), libjpeg.decoded().view()), 0) << at;
        ++same;
    }
    EXPECT_GT(same, 100);  // most changes leave a readable file
}

}  // namespace
}  // namespace saccade
