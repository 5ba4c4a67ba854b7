#include "saccade/normalize.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "encode.hpp"

namespace saccade {
namespace {

PreprocessSpec spec_of(const std::string& resize, const std::string& normalize) {
    return PreprocessSpec::parse(std::array<std::string, 3>{"decode", resize, normalize});
}

TEST(Normalize, puts_channels_first) {
    const PreprocessSpec spec = spec_of("resize(1,2)", "normalize(0,0.2,0.5;1,0.5,0.25)");
    const std::vector<std::uint8_t> pixels{255, 51, 0, 0, 102, 255};
    std::vector<float> out(6);

    normalize(pixels, spec, out);

    const std::vector<float> expected{1, 0, 0, 0.4F, -2, 2};
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-6F) << i;
}

TEST(Normalize, gives_the_same_for_any_number_of_threads) {
    const PreprocessSpec spec = spec_of("resize(8,8)", "normalize(imagenet)");
    const Image images = test::noise({8 * 20, 8});
    std::vector<float> alone(images.data().size());
    std::vector<float> together(images.data().size());

    normalize(images.data(), spec, alone, 1);
    normalize(images.data(), spec, together, 4);

    EXPECT_EQ(alone, together);
}

TEST(Normalize, of_parts_of_images_is_argument_error) {
    const PreprocessSpec spec = spec_of("resize(2,2)", "normalize(imagenet)");
    const std::vector<std::uint8_t> pixels(13);
    std::vector<float> out(13);

    EXPECT_EQ(test::error_of([&] { normalize(pixels, spec, out); }).code(), Code::kArgument);
    EXPECT_EQ(test::error_of([&] { normalize(std::span(pixels).first(12), spec, out); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
