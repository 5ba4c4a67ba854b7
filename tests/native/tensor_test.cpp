#include "saccade/tensor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "encode.hpp"

namespace saccade {
namespace {

PreprocessSpec spec_of(const std::string& resize, const std::string& normalize) {
    return PreprocessSpec::parse(std::array<std::string, 3>{"decode", resize, normalize});
}

template <typename Number>
std::vector<Number> written(const TensorWriter& writer, std::span<const std::uint8_t> pixels, unsigned threads = 0) {
    std::vector<Number> out(pixels.size());
    writer.write_all(pixels, std::as_writable_bytes(std::span(out)), threads);
    return out;
}

// (1, 0.2, 0) and (0, 0.4, 1), less the mean, over the deviation.
const std::vector<std::uint8_t> kPixels{255, 51, 0, 0, 102, 255};
const PreprocessSpec kSpec = spec_of("resize(1,2)", "normalize(0,0.2,0.5;1,0.5,0.25)");

TEST(TensorWriter, puts_channels_first) {
    const std::vector<float> values = written<float>({kSpec, {DataType::kFloat32, Layout::kNchw}}, kPixels);

    const std::vector<float> expected{1, 0, 0, 0.4F, -2, 2};
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-6F) << i;
}

TEST(TensorWriter, keeps_channels_last) {
    const std::vector<float> values = written<float>({kSpec, {DataType::kFloat32, Layout::kNhwc}}, kPixels);

    const std::vector<float> expected{1, 0, -2, 0, 0.4F, 2};
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-6F) << i;
}

TEST(TensorWriter, keeps_levels_of_bytes) {
    const std::vector<std::uint8_t> planes{255, 0, 51, 102, 0, 255};
    EXPECT_EQ(written<std::uint8_t>({kSpec, {DataType::kUint8, Layout::kNchw}}, kPixels), planes);
    EXPECT_EQ(written<std::uint8_t>({kSpec, {DataType::kUint8, Layout::kNhwc}}, kPixels), kPixels);
}

TEST(TensorWriter, rounds_to_the_nearest_bfloat16) {
    const std::vector<std::uint16_t> bits =
        written<std::uint16_t>({kSpec, {DataType::kBfloat16, Layout::kNhwc}}, kPixels);

    // 0.4 is 0x3ECCCCCD; -2 and 2 are exact.
    const std::vector<std::uint16_t> expected{0x3F80, 0, 0xC000, 0, 0x3ECD, 0x4000};
    EXPECT_EQ(bits, expected);
}

TEST(TensorWriter, gives_the_same_for_any_number_of_threads) {
    const TensorWriter writer(spec_of("resize(8,8)", "normalize(imagenet)"), {DataType::kFloat32, Layout::kNchw});
    const Image images = test::noise({8 * 20, 8});

    EXPECT_EQ(written<float>(writer, images.data(), 1), written<float>(writer, images.data(), 4));
}

TEST(TensorWriter, of_parts_of_images_is_argument_error) {
    const TensorWriter writer(spec_of("resize(2,2)", "normalize(imagenet)"), {DataType::kUint8, Layout::kNhwc});
    const std::vector<std::uint8_t> pixels(13);
    std::vector<std::byte> out(13);

    EXPECT_EQ(test::error_of([&] { writer.write_all(pixels, out); }).code(), Code::kArgument);
    EXPECT_EQ(test::error_of([&] { writer.write_all(std::span(pixels).first(12), out); }).code(), Code::kArgument);
}

}  // namespace
}  // namespace saccade
