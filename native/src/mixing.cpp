#include "saccade/mixing.hpp"

#include <algorithm>
#include <cmath>

namespace saccade {

namespace {

// Batches are counted apart from images, which have streams of their own.
constexpr std::uint32_t kMixingStream = 100;

/// The part of a box with this centre that lies in the picture.
Crop clipped(int middle_y, int middle_x, Size box, Size size) {
    const int top = std::max(0, middle_y - box.height / 2);
    const int left = std::max(0, middle_x - box.width / 2);
    const int bottom = std::min(size.height, middle_y + box.height / 2);
    const int right = std::min(size.width, middle_x + box.width / 2);
    return {top, left, {bottom - top, right - left}};
}

Mix cutmix(double alpha, Size size, Random& random) {
    const double side = std::sqrt(1 - random.symmetric_beta(alpha));
    const Size box{static_cast<int>(size.height * side), static_cast<int>(size.width * side)};
    const int middle_y = random.integer(0, size.height - 1);
    const int middle_x = random.integer(0, size.width - 1);
    const Crop pasted = clipped(middle_y, middle_x, box, size);
    return {1 - static_cast<double>(pasted.size.pixels()) / static_cast<double>(size.pixels()), pasted};
}

}  // namespace

void Mix::apply(std::span<std::uint8_t> image, std::span<const std::uint8_t> partner, Size size) const {
    if (pasted.size.pixels() != 0) {
        const std::size_t bytes = static_cast<std::size_t>(pasted.size.width) * kChannels;
        for (int y = pasted.top; y < pasted.bottom(); ++y) {
            const auto first = static_cast<std::size_t>(y * size.width + pasted.left) * kChannels;
            std::ranges::copy(partner.subspan(first, bytes), image.subspan(first, bytes).begin());
        }
        return;
    }
    constexpr int kOne = 1 << 16;
    const auto own = static_cast<int>(std::lround(weight * kOne));
    for (std::size_t i = 0; i < image.size(); ++i) {
        image[i] = static_cast<std::uint8_t>((image[i] * own + partner[i] * (kOne - own) + kOne / 2) >> 16);
    }
}

Mix Mixing::draw(std::uint64_t seed, std::uint32_t epoch, std::uint32_t batch, Size size) const {
    Random random({seed, epoch, batch}, kMixingStream);
    const bool is_cutmix = cutmix_alpha && (!mixup_alpha || random.chance(0.5));
    if (is_cutmix) return cutmix(*cutmix_alpha, size, random);
    return {mixup_alpha ? random.symmetric_beta(*mixup_alpha) : 1.0, {}};
}

}  // namespace saccade
