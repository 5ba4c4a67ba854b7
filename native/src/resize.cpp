#include "saccade/resize.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "filter.hpp"
#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

std::string text_of(Size size) {
    return std::to_string(size.height) + " x " + std::to_string(size.width);
}

std::size_t row_bytes(int pixels) {
    return static_cast<std::size_t>(pixels) * kChannels;
}

/// The samples that the taps read; or, without taps, the ones that are kept as they are.
struct SampleRange {
    int first;
    int count;

    SampleRange(const std::vector<Tap>& taps, int from, int kept)
        : first(taps.empty() ? from : taps.front().first),
          count(taps.empty() ? kept : taps.back().first + taps.back().count - first) {}
};

}  // namespace

ResizePlan::ResizePlan(Size pixels, const Framing& framing) : kept_(framing.keep.size) {
    const Crop& keep = framing.keep;
    const Axis across{pixels.width, framing.box.left, framing.box.right, framing.size.width};
    const Axis down{pixels.height, framing.box.top, framing.box.bottom, framing.size.height};
    if (!across.is_identity()) across_ = make_taps(across, framing.filter, keep.left, kept_.width, across_weights_);
    if (!down.is_identity()) down_ = make_taps(down, framing.filter, keep.top, kept_.height, down_weights_);
    const SampleRange columns(across_, keep.left, kept_.width);
    const SampleRange rows(down_, keep.top, kept_.height);
    source_ = {rows.first, columns.first, {rows.count, columns.count}};
}

void ResizePlan::run(PixelsView pixels, const Crop& region, std::span<std::uint8_t> out, ResizeScratch& scratch) const {
    const std::uint8_t* first = pixels.row(source_.top - region.top) + row_bytes(source_.left - region.left);
    const Rows rows = resize_across({first, row_bytes(pixels.size.width)}, scratch);
    const std::size_t bytes = row_bytes(kept_.width);
    for (std::size_t y = 0; y < static_cast<std::size_t>(kept_.height); ++y) {
        std::uint8_t* to = out.data() + y * bytes;
        if (down_.empty()) {
            std::memcpy(to, rows.data + y * rows.stride, bytes);
            continue;
        }
        const Tap& tap = down_[y];
        kernels().blend_rows(rows.data + static_cast<std::size_t>(tap.first - source_.top) * rows.stride, rows.stride,
                             bytes, tap.count, down_weights_.data() + tap.first_weight, to);
    }
}

ResizePlan::Rows ResizePlan::resize_across(Rows source, ResizeScratch& scratch) const {
    if (across_.empty()) return source;
    const auto count = static_cast<std::size_t>(source_.size.height);
    const auto columns = static_cast<std::size_t>(source_.size.width);
    const std::size_t stride = across_.size() * kChannels + kRowSlack;
    const std::size_t groups = (count + kRowGroup - 1) / kRowGroup;
    scratch.rows.resize(groups * kRowGroup * stride);
    scratch.lanes.resize(columns * kLanes);
    for (std::size_t group = 0; group < groups; ++group) {
        const std::uint8_t* from[kRowGroup];
        for (std::size_t r = 0; r < kRowGroup; ++r) {
            from[r] = source.data + std::min(group * kRowGroup + r, count - 1) * source.stride;
        }
        kernels().interleave(from, columns, scratch.lanes.data());
        kernels().resize_columns(scratch.lanes.data(), source_.left, across_.data(), across_.size(),
                                 across_weights_.data(), scratch.rows.data() + group * kRowGroup * stride, stride);
    }
    return {scratch.rows.data(), stride};
}

Image resize(PixelsView pixels, Size size, Filter filter) {
    const auto is_usable = [](Size sides) {
        return std::min(sides.height, sides.width) >= 1 && std::max(sides.height, sides.width) <= kMaxSide;
    };
    if (!is_usable(pixels.size) || !is_usable(size)) {
        throw Error(Code::kArgument, "Cannot resize " + text_of(pixels.size) + " to " + text_of(size) +
                                         " pixels. Every side must be from 1 to " + grouped(kMaxSide) + ".");
    }
    const Crop region{0, 0, pixels.size};
    const ResizePlan plan(pixels.size, {Box::whole(pixels.size), size, {0, 0, size}, filter});
    Image out(size);
    ResizeScratch scratch;
    plan.run(pixels, region, out.data(), scratch);
    return out;
}

}  // namespace saccade
