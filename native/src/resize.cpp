#include "saccade/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "filter.hpp"
#include "multiversion.hpp"
#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

std::string text_of(Size size) {
    return std::to_string(size.height) + " x " + std::to_string(size.width);
}

SACCADE_MULTIVERSION
void resize_row(const std::uint8_t* from, std::span<const Tap> taps, const std::int32_t* weights, std::uint8_t* to) {
    for (const Tap& tap : taps) {
        std::int32_t red = kHalfWeight;
        std::int32_t green = kHalfWeight;
        std::int32_t blue = kHalfWeight;
        const std::uint8_t* pixel = from + static_cast<std::size_t>(tap.first) * kChannels;
        const std::int32_t* weight = weights + tap.first_weight;
        for (int i = 0; i < tap.count; ++i, pixel += kChannels) {
            red += pixel[0] * weight[i];
            green += pixel[1] * weight[i];
            blue += pixel[2] * weight[i];
        }
        to[0] = level_of(red);
        to[1] = level_of(green);
        to[2] = level_of(blue);
        to += kChannels;
    }
}

}  // namespace

// Pillow's precompute_coeffs, operation for operation.
std::vector<Tap> make_taps(const Axis& axis, int from, int count, std::vector<std::int32_t>& weights) {
    // Pillow holds the box in single precision.
    const double scale = static_cast<double>(static_cast<float>(axis.end) - static_cast<float>(axis.begin)) / axis.size;
    const double support = std::max(scale, 1.0);
    const double inverse = 1.0 / support;
    std::vector<Tap> taps;
    taps.reserve(static_cast<std::size_t>(count));
    std::vector<double> exact;
    for (int i = from; i < from + count; ++i) {
        const double center = static_cast<float>(axis.begin) + (i + 0.5) * scale;
        const int first = std::max(0, static_cast<int>(center - support + 0.5));
        const int last = std::min(axis.samples, static_cast<int>(center + support + 0.5));
        exact.clear();
        double sum = 0.0;
        for (int sample = first; sample < last; ++sample) {
            const double weight = std::max(0.0, 1.0 - std::abs((sample - center + 0.5) * inverse));
            exact.push_back(weight);
            sum += weight;
        }
        taps.push_back({first, last - first, weights.size()});
        for (const double weight : exact) {
            weights.push_back(
                static_cast<std::int32_t>(0.5 + (sum != 0.0 ? weight / sum : weight) * (1 << kWeightBits)));
        }
    }
    return taps;
}

SACCADE_MULTIVERSION
void blend_rows(const std::uint8_t* from, std::size_t row_bytes, int count, const std::int32_t* weights,
                std::uint8_t* to) {
    constexpr std::size_t kBlock = 64;
    std::size_t at = 0;
    for (; at + kBlock <= row_bytes; at += kBlock) {
        std::int32_t sums[kBlock];
        for (std::int32_t& sum : sums) sum = kHalfWeight;
        for (int i = 0; i < count; ++i) {
            const std::uint8_t* row = from + static_cast<std::size_t>(i) * row_bytes + at;
            for (std::size_t j = 0; j < kBlock; ++j) sums[j] += row[j] * weights[i];
        }
        for (std::size_t j = 0; j < kBlock; ++j) to[at + j] = level_of(sums[j]);
    }
    for (; at < row_bytes; ++at) {
        std::int32_t sum = kHalfWeight;
        for (int i = 0; i < count; ++i) sum += from[static_cast<std::size_t>(i) * row_bytes + at] * weights[i];
        to[at] = level_of(sum);
    }
}

void resize_region(PixelsView pixels, Box box, Size size, Crop keep, std::span<std::uint8_t> out,
                   ResizeScratch& scratch) {
    const Axis across{pixels.size.width, box.left, box.right, size.width};
    const Axis down{pixels.size.height, box.top, box.bottom, size.height};
    scratch.weights.clear();
    const std::vector<Tap> rows = make_taps(down, keep.top, keep.size.height, scratch.weights);
    const int first_row = rows.front().first;
    const int row_count = rows.back().first + rows.back().count - first_row;
    const std::size_t row_bytes = static_cast<std::size_t>(keep.size.width) * kChannels;

    scratch.rows.reshape({row_count, keep.size.width});
    if (across.is_identity()) {
        for (int y = 0; y < row_count; ++y) {
            std::memcpy(scratch.rows.row(y),
                        pixels.row(first_row + y) + static_cast<std::size_t>(keep.left) * kChannels, row_bytes);
        }
    } else {
        const std::vector<Tap> columns = make_taps(across, keep.left, keep.size.width, scratch.weights);
        for (int y = 0; y < row_count; ++y) {
            resize_row(pixels.row(first_row + y), columns, scratch.weights.data(), scratch.rows.row(y));
        }
    }
    if (down.is_identity()) {
        std::memcpy(out.data(), scratch.rows.data().data(), out.size());
        return;
    }
    for (int y = 0; y < keep.size.height; ++y) {
        const Tap& tap = rows[static_cast<std::size_t>(y)];
        blend_rows(scratch.rows.row(tap.first - first_row), row_bytes, tap.count,
                   scratch.weights.data() + tap.first_weight, out.data() + static_cast<std::size_t>(y) * row_bytes);
    }
}

Image resize(PixelsView pixels, Size size) {
    const auto is_usable = [](Size sides) {
        return std::min(sides.height, sides.width) >= 1 && std::max(sides.height, sides.width) <= kMaxResizeSide;
    };
    if (!is_usable(pixels.size) || !is_usable(size)) {
        throw Error(Code::kArgument, "Cannot resize " + text_of(pixels.size) + " to " + text_of(size) +
                                         " pixels. Every side must be from 1 to " + grouped(kMaxResizeSide) + ".");
    }
    Image out(size);
    ResizeScratch scratch;
    const Box box{0, 0, static_cast<double>(pixels.size.height), static_cast<double>(pixels.size.width)};
    resize_region(pixels, box, size, {0, 0, size}, out.data(), scratch);
    return out;
}

}  // namespace saccade
