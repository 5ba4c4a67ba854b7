#include "kernels.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "encode.hpp"
#include "filter.hpp"

namespace saccade {
namespace {

using Levels = std::vector<std::uint8_t>;

/// Every version against the plainest one.
class KernelsTest : public testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& plain_ = *supported_kernels().front();
    const Kernels& fast_ = *GetParam();
};

// Lengths around the blocks in which the loops work.
constexpr std::array<int, 9> kWidths{1, 2, 15, 16, 17, 63, 64, 65, 1100};

Levels resized(const Kernels& kernels, const Image& rows, int size) {
    const int width = rows.size().width;
    std::vector<std::int32_t> weights;
    const std::vector<Tap> taps =
        make_taps({width, 0, static_cast<double>(width), size}, Filter::kBicubic, 0, size, weights);
    const std::uint8_t* pointers[kRowGroup];
    for (std::size_t r = 0; r < kRowGroup; ++r) pointers[r] = rows.view().row(static_cast<int>(r));
    std::vector<std::int32_t> lanes(static_cast<std::size_t>(width) * kLanes);
    const std::size_t stride = taps.size() * kChannels + kRowSlack;
    Levels out(kRowGroup * stride);
    kernels.interleave(pointers, static_cast<std::size_t>(width), lanes.data());
    kernels.resize_columns(lanes.data(), 0, taps.data(), taps.size(), weights.data(), out.data(), stride);
    for (std::size_t r = 0; r < kRowGroup; ++r) out[r * stride + stride - 1] = 0;  // the slack may hold anything
    return out;
}

TEST_P(KernelsTest, resize_columns_agrees) {
    for (const int width : kWidths) {
        const Image rows = test::noise({kRowGroup, width});
        EXPECT_EQ(resized(fast_, rows, 37), resized(plain_, rows, 37)) << width;
    }
}

TEST_P(KernelsTest, blend_rows_agrees) {
    const std::array<std::int32_t, 3> weights{1 << 22, 1 << 22, -(1 << 22)};  // sums from -255 to 510
    for (const int width : kWidths) {
        const Image rows = test::noise({3, width});
        const std::size_t bytes = rows.data().size() / 3;
        Levels fast(bytes);
        Levels plain(bytes);
        fast_.blend_rows(rows.data().data(), bytes, bytes, 3, weights.data(), fast.data());
        plain_.blend_rows(rows.data().data(), bytes, bytes, 3, weights.data(), plain.data());
        EXPECT_EQ(fast, plain) << width;
    }
}

TEST_P(KernelsTest, luma_saturation_and_laplacian_agree) {
    for (const int width : kWidths) {
        const Image rows = test::noise({3, width});
        const std::size_t pixels = rows.size().pixels();
        Levels fast(pixels);
        Levels plain(pixels);
        fast_.luma(rows.data().data(), pixels, fast.data());
        plain_.luma(rows.data().data(), pixels, plain.data());
        EXPECT_EQ(fast, plain) << width;
        EXPECT_EQ(fast_.saturation(rows.data().data(), pixels), plain_.saturation(rows.data().data(), pixels)) << width;
        const auto row = static_cast<std::size_t>(width);
        const RowMoments fast_moments = fast_.laplacian(fast.data() + row, row);
        const RowMoments plain_moments = plain_.laplacian(plain.data() + row, row);
        EXPECT_EQ(fast_moments.sum, plain_moments.sum) << width;
        EXPECT_EQ(fast_moments.squares, plain_moments.squares) << width;
    }
}

TEST_P(KernelsTest, extreme_levels_do_not_overflow_the_sums) {
    Image rows({3, 5000});
    for (std::size_t i = 0; i < rows.data().size(); ++i) rows.data()[i] = i / kChannels % 2 == 0 ? 255 : 0;
    Levels luma(rows.size().pixels());
    fast_.luma(rows.data().data(), luma.size(), luma.data());

    const RowMoments moments = fast_.laplacian(luma.data() + 5000, 5000);

    // Rows alternate alike, so above and below equal the centre: the Laplacian is +-2 * 255 everywhere.
    EXPECT_EQ(moments.squares, std::int64_t{4998} * 510 * 510);
    EXPECT_EQ(moments.sum, 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, KernelsTest,
                         testing::ValuesIn(supported_kernels().begin(), supported_kernels().end()));

}  // namespace
}  // namespace saccade
