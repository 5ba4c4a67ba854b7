#include "saccade/resize.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "filter.hpp"
#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

std::string text_of(Size size) {
    return std::to_string(size.height) + " x " + std::to_string(size.width);
}

/// The samples that taps read.
struct SampleRange {
    int first;
    int count;
};

SampleRange range_of(std::span<const Tap> taps) {
    return {taps.front().first, taps.back().first + taps.back().count - taps.front().first};
}

/// Rows of levels in somebody else's memory, `stride` bytes apart.
struct Rows {
    const std::uint8_t* data;
    std::size_t stride;
};

/// First pass: the rows of range, resized across, of which only the columns that keep covers.
Rows resize_across(PixelsView pixels, const Axis& across, SampleRange range, const Crop& keep, ResizeScratch& scratch) {
    if (across.is_identity()) {
        const std::size_t stride = static_cast<std::size_t>(pixels.size.width) * kChannels;
        return {pixels.row(range.first) + static_cast<std::size_t>(keep.left) * kChannels, stride};
    }
    scratch.weights.clear();
    const std::vector<Tap> taps = make_taps(across, keep.left, keep.size.width, scratch.weights);
    const SampleRange columns = range_of(taps);
    const std::size_t stride = taps.size() * kChannels + kRowSlack;
    const std::size_t groups = (static_cast<std::size_t>(range.count) + kRowGroup - 1) / kRowGroup;
    scratch.rows.resize(groups * kRowGroup * stride);
    scratch.lanes.resize(static_cast<std::size_t>(columns.count) * kLanes);
    for (std::size_t group = 0; group < groups; ++group) {
        const std::uint8_t* from[kRowGroup];
        for (std::size_t r = 0; r < kRowGroup; ++r) {
            const int row = std::min(static_cast<int>(group * kRowGroup + r), range.count - 1);
            from[r] = pixels.row(range.first + row) + static_cast<std::size_t>(columns.first) * kChannels;
        }
        kernels().interleave(from, static_cast<std::size_t>(columns.count), scratch.lanes.data());
        kernels().resize_columns(scratch.lanes.data(), columns.first, taps.data(), taps.size(), scratch.weights.data(),
                                 scratch.rows.data() + group * kRowGroup * stride, stride);
    }
    return {scratch.rows.data(), stride};
}

}  // namespace

void resize_region(PixelsView pixels, Box box, Size size, Crop keep, std::span<std::uint8_t> out,
                   ResizeScratch& scratch) {
    const Axis across{pixels.size.width, box.left, box.right, size.width};
    const Axis down{pixels.size.height, box.top, box.bottom, size.height};
    const std::size_t row_bytes = static_cast<std::size_t>(keep.size.width) * kChannels;
    std::vector<std::int32_t> weights;
    const std::vector<Tap> taps = make_taps(down, keep.top, keep.size.height, weights);
    const SampleRange range = range_of(taps);
    const Rows rows = resize_across(pixels, across, range, keep, scratch);
    for (std::size_t y = 0; y < taps.size(); ++y) {
        const std::uint8_t* first = rows.data + static_cast<std::size_t>(taps[y].first - range.first) * rows.stride;
        kernels().blend_rows(first, rows.stride, row_bytes, taps[y].count, weights.data() + taps[y].first_weight,
                             out.data() + y * row_bytes);
    }
}

Image resize(PixelsView pixels, Size size) {
    const auto is_usable = [](Size sides) {
        return std::min(sides.height, sides.width) >= 1 && std::max(sides.height, sides.width) <= kMaxSide;
    };
    if (!is_usable(pixels.size) || !is_usable(size)) {
        throw Error(Code::kArgument, "Cannot resize " + text_of(pixels.size) + " to " + text_of(size) +
                                         " pixels. Every side must be from 1 to " + grouped(kMaxSide) + ".");
    }
    Image out(size);
    ResizeScratch scratch;
    const Box box{0, 0, static_cast<double>(pixels.size.height), static_cast<double>(pixels.size.width)};
    resize_region(pixels, box, size, {0, 0, size}, out.data(), scratch);
    return out;
}

}  // namespace saccade
