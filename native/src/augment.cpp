#include "saccade/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "colour.hpp"
#include "geometry.hpp"
#include "saccade/error.hpp"
#include "text.hpp"

namespace saccade {

namespace {

/// One stream of random numbers for each purpose: a step that is added leaves the others as they were.
enum Stream : std::uint32_t { kCrop, kAffine, kRandAugment, kJitter, kTranslate, kFlip, kCutout };

/// torchvision's RandAugment: magnitudes from none at 0 to the most at 30.
constexpr int kMostMagnitude = 30;

struct Magnitude {
    double share;  // of the most
    double signed_share;
};

/// One of RandAugment's 14 operations.
void apply_operation(int operation, Magnitude magnitude, std::span<std::uint8_t> pixels, Size size,
                     std::vector<std::uint8_t>& scratch) {
    constexpr double kShear = 0.3;
    constexpr double kTranslate = 150.0 / 331;
    constexpr double kDegrees = 30;
    constexpr double kEnhance = 0.9;
    const double share = magnitude.signed_share;
    const double enhanced = 1 + kEnhance * share;
    switch (operation) {
        case 0:
            return;
        case 1:
            return warp_picture(pixels, size, {1, kShear * share, kShear * share * size.height / 2, 0, 1, 0}, scratch);
        case 2:
            return warp_picture(pixels, size, {1, 0, 0, kShear * share, 1, kShear * share * size.width / 2}, scratch);
        case 3:
            return move_picture(pixels, size, 0, static_cast<int>(kTranslate * share * size.width), false, scratch);
        case 4:
            return move_picture(pixels, size, static_cast<int>(kTranslate * share * size.height), 0, false, scratch);
        case 5:
            return warp_picture(pixels, size, affine_of(kDegrees * share, 0, 1, 0, 0), scratch);
        case 6:
            return adjust_brightness(pixels, enhanced);
        case 7:
            return adjust_saturation(pixels, enhanced);
        case 8:
            return adjust_contrast(pixels, enhanced);
        case 9:
            return adjust_sharpness(pixels, size, enhanced, scratch);
        case 10:
            return posterize(pixels, 8 - static_cast<int>(std::nearbyint(4 * magnitude.share)));
        case 11:
            return solarize(pixels, 255 * (1 - magnitude.share));
        case 12:
            return stretch_contrast(pixels);
        default:
            return equalize(pixels);
    }
}

constexpr int kOperations = 14;

}  // namespace

/// torchvision's RandomResizedCrop.get_params.
Box Augmentation::part(Size full, ImageKey key) const {
    if (full.pixels() == 0) throw Error(Code::kArgument, "An empty picture has no part.");
    if (!crop_) return Box::whole(full);
    constexpr int kTries = 10;
    Random random(key, kCrop);
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const double area = static_cast<double>(full.pixels()) * random.uniform(crop_->min_area, crop_->max_area);
        const double ratio = std::exp(random.uniform(std::log(crop_->min_ratio), std::log(crop_->max_ratio)));
        const auto width = static_cast<int>(std::nearbyint(std::sqrt(area * ratio)));
        const auto height = static_cast<int>(std::nearbyint(std::sqrt(area / ratio)));
        if (width < 1 || width > full.width || height < 1 || height > full.height) continue;
        const double top = random.integer(0, full.height - height);
        const double left = random.integer(0, full.width - width);
        return {top, left, top + height, left + width};
    }
    const double ratio = std::clamp(static_cast<double>(full.width) / full.height, crop_->min_ratio, crop_->max_ratio);
    const int width = std::min(full.width, std::max(1, static_cast<int>(std::nearbyint(full.height * ratio))));
    const int height = std::min(full.height, std::max(1, static_cast<int>(std::nearbyint(full.width / ratio))));
    const double top = (full.height - height) / 2;
    const double left = (full.width - width) / 2;
    return {top, left, top + height, left + width};
}

void Augmentation::apply(std::span<std::uint8_t> pixels, Size size, ImageKey key, std::array<std::uint8_t, 3> fill,
                         AugmentScratch& scratch) const {
    if (pixels.size() != size.bytes() || size.pixels() == 0) {
        throw Error(Code::kArgument, "The pixels hold " + grouped(pixels.size()) + " bytes, an image of " +
                                         std::to_string(size.height) + " x " + std::to_string(size.width) + " has " +
                                         grouped(size.bytes()) + ". Pass (H, W, 3) uint8.");
    }
    if (affine_) warp(pixels, size, key, scratch);
    if (rand_augment_) rand_augment(pixels, size, key, scratch);
    if (jitter_) jitter(pixels, key);
    move(pixels, size, key, scratch);
    if (cutout_px_ > 0) cut_out(pixels, size, key, fill);
}

void Augmentation::warp(std::span<std::uint8_t> pixels, Size size, ImageKey key, AugmentScratch& scratch) const {
    Random random(key, kAffine);
    const auto around_zero = [&random](double most) { return random.uniform(-most, most); };
    const double degrees = around_zero(affine_->degrees);
    const double dx = around_zero(affine_->translate * size.width);
    const double dy = around_zero(affine_->translate * size.height);
    const double scale = random.uniform(affine_->min_scale, affine_->max_scale);
    warp_picture(pixels, size, affine_of(degrees, around_zero(affine_->shear_degrees), scale, dy, dx), scratch.pixels);
}

void Augmentation::rand_augment(std::span<std::uint8_t> pixels, Size size, ImageKey key,
                                AugmentScratch& scratch) const {
    Random random(key, kRandAugment);
    const double share = static_cast<double>(rand_augment_->magnitude) / kMostMagnitude;
    for (int i = 0; i < rand_augment_->count; ++i) {
        const int operation = random.integer(0, kOperations - 1);
        const Magnitude magnitude{share, random.chance(0.5) ? share : -share};
        apply_operation(operation, magnitude, pixels, size, scratch.pixels);
    }
}

void Augmentation::jitter(std::span<std::uint8_t> pixels, ImageKey key) const {
    Random random(key, kJitter);
    const auto factor = [&random](double spread) { return random.uniform(std::max(0.0, 1 - spread), 1 + spread); };
    const double brightness = factor(jitter_->brightness);
    const double contrast = factor(jitter_->contrast);
    const double saturation = factor(jitter_->saturation);
    const double hue = random.uniform(-jitter_->hue, jitter_->hue);
    std::array<int, 4> order{0, 1, 2, 3};
    for (int last = 3; last > 0; --last) {
        std::swap(order[static_cast<std::size_t>(last)], order[static_cast<std::size_t>(random.integer(0, last))]);
    }
    for (const int step : order) {
        if (step == 0 && jitter_->brightness > 0) adjust_brightness(pixels, brightness);
        if (step == 1 && jitter_->contrast > 0) adjust_contrast(pixels, contrast);
        if (step == 2 && jitter_->saturation > 0) adjust_saturation(pixels, saturation);
        if (step == 3 && jitter_->hue > 0) adjust_hue(pixels, hue);
    }
}

void Augmentation::move(std::span<std::uint8_t> pixels, Size size, ImageKey key, AugmentScratch& scratch) const {
    int dy = 0;
    int dx = 0;
    if (translate_px_ > 0) {
        Random random(key, kTranslate);
        dy = random.integer(-translate_px_, translate_px_);
        dx = random.integer(-translate_px_, translate_px_);
    }
    move_picture(pixels, size, dy, dx, is_mirrored(key), scratch.pixels);
}

bool Augmentation::is_mirrored(ImageKey key) const {
    if (flip_ == Flip::kNever) return false;
    if (flip_ == Flip::kRandom) return Random(key, kFlip).chance(0.5);
    // Two epochs show each image both ways (Jordan 2024, section 3).
    const bool is_odd_epoch = key.epoch % 2 == 1;
    key.epoch = 0;
    return Random(key, kFlip).chance(0.5) != is_odd_epoch;
}

void Augmentation::cut_out(std::span<std::uint8_t> pixels, Size size, ImageKey key,
                           std::array<std::uint8_t, 3> fill) const {
    Random random(key, kCutout);
    const int top = random.integer(0, size.height - 1) - cutout_px_ / 2;
    const int left = random.integer(0, size.width - 1) - cutout_px_ / 2;
    const int first = std::max(0, left);
    const int end = std::min(size.width, left + cutout_px_);
    for (int y = std::max(0, top); y < std::min(size.height, top + cutout_px_); ++y) {
        std::uint8_t* pixel = pixels.data() + static_cast<std::size_t>(y * size.width + first) * kChannels;
        for (int x = first; x < end; ++x, pixel += kChannels) std::ranges::copy(fill, pixel);
    }
}

}  // namespace saccade
