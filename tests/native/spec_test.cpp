#include "saccade/spec.hpp"

#include <gtest/gtest.h>

#include "encode.hpp"

namespace saccade {
namespace {

using Lines = std::vector<std::string>;

PreprocessSpec parse(const Lines& lines) {
    return PreprocessSpec::parse(lines);
}

TEST(PreprocessSpec, canonical_lines_are_kept) {
    const Lines lines{"decode", "resize_short(256)", "center_crop(224,200)", "normalize(0.5,0.5,0.5;0.25,0.25,0.25)"};

    EXPECT_EQ(parse(lines).steps(), lines);
    EXPECT_EQ(parse(lines).size(), (Size{224, 200}));
}

TEST(PreprocessSpec, spaces_and_spelling_of_numbers_do_not_matter) {
    EXPECT_EQ(parse({" decode", "resize( 8 , 9 )", "normalize(.50,0.5,5e-1;1.0,1,1)"}),
              parse({"decode", "resize(8,9)", "normalize(0.5,0.5,0.5;1,1,1)"}));
}

TEST(PreprocessSpec, short_side_keeps_the_aspect_ratio_rounded_down) {
    const PreprocessSpec spec = parse({"decode", "resize_short(256)", "center_crop(224)"});

    EXPECT_EQ(spec.framing({375, 500}).size, (Size{256, 341}));  // 256 * 500 / 375 = 341.3
    EXPECT_EQ(spec.framing({500, 375}).size, (Size{341, 256}));
    EXPECT_EQ(spec.framing({7, 7}).size, (Size{256, 256}));
}

TEST(PreprocessSpec, short_side_of_the_longest_image_does_not_overflow) {
    const PreprocessSpec spec = parse({"decode", "resize_short(4096)", "center_crop(1)"});

    EXPECT_EQ(spec.framing({1, 65'535}).size, (Size{4096, 268'431'360}));
}

TEST(PreprocessSpec, exact_resize_ignores_the_aspect_ratio) {
    EXPECT_EQ(parse({"decode", "resize(32,48)"}).framing({1, 1000}).size, (Size{32, 48}));
}

TEST(PreprocessSpec, bicubic_is_written_and_the_triangle_is_not) {
    EXPECT_EQ(parse({"decode", "resize(8, 9; bicubic)"}).steps()[1], "resize(8,9;bicubic)");
    EXPECT_EQ(parse({"decode", "resize_short(8;bicubic)", "center_crop(8)"}).steps()[1], "resize_short(8;bicubic)");
    EXPECT_EQ(parse({"decode", "resize(8,9;triangle)"}), parse({"decode", "resize(8,9)"}));
    EXPECT_EQ(parse({"decode", "resize(8,9;bicubic)"}).framing({1, 1}).filter, Filter::kBicubic);
}

TEST(PreprocessSpec, impossible_lines_are_spec_errors_that_quote_them) {
    const std::vector<std::pair<Lines, std::string>> cases{
        {{}, "empty"},
        {{"resize(8,8)"}, "'resize(8,8)' is out of order"},
        {{"decode"}, "no resize"},
        {{"decode", "resize(8,8;lanczos)"}, "bicubic and triangle"},
        {{"decode", "resize_short(8)"}, "'resize_short(8)' leaves the long side open"},
        {{"decode", "resize(8,8)", "center_crop(9)"}, "'center_crop(9)' is larger"},
        {{"decode", "resize(4097,8)"}, "'4097'"},
        {{"decode", "blur(3)"}, "'blur(3)' is not known"},
        {{"decode", "resize(8,8)", "normalize(0,0,0;0,1,1)"}, "not above zero"},
    };
    for (const auto& [lines, part] : cases) {
        const Error error = test::error_of([&lines = lines] { parse(lines); });
        EXPECT_EQ(error.code(), Code::kSpec);
        EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
}

}  // namespace
}  // namespace saccade
