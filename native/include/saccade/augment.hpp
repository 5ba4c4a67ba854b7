#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "saccade/image.hpp"
#include "saccade/mixing.hpp"
#include "saccade/random.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// Memory that a thread reuses from image to image.
struct AugmentScratch {
    std::vector<std::uint8_t> pixels;
};

/// Random changes to training images, parsed from readable lines. Every change is drawn from the image's key alone.
///
/// In this order, each at most once:
///   random_resized_crop(min_area,max_area;min_ratio,max_ratio)   a part of the picture, as torchvision draws it
///   affine(degrees,translate,min_scale,max_scale,shear)   translate is a part of each side, shear in degrees
///   randaugment(count,magnitude)   count of the 14 operations of Cubuk et al. 2020, magnitude 0 to 30
///   colour_jitter(brightness,contrast,saturation,hue)   factors 1 - v to 1 + v, hue in turns; in random order
///   translate(px)   up to so many pixels, the border reflected
///   flip   left and right, half of the images;   flip(alternate)   half of them, the other half in the next epoch
///   cutout(px)   a square of the fill colour, its centre anywhere in the picture (DeVries and Taylor 2017)
///   mixup(alpha), cutmix(alpha)   between the images of a batch, see Mixing
class Augmentation {
  public:
    /// Raises Error{kSpec} that names the line.
    static Augmentation parse(std::span<const std::string> lines);

    /// Canonical lines.
    [[nodiscard]] const std::vector<std::string>& steps() const { return steps_; }
    /// Whether part() is ever anything but the whole picture.
    [[nodiscard]] bool crops() const { return crop_.has_value(); }
    /// The part of a picture that is brought to the training size. Raises Error{kArgument} for an empty picture.
    [[nodiscard]] Box part(Size full, ImageKey key) const;
    /// Every change to the pixels of one image, in place.
    /// pixels: (H, W, 3) uint8 packed.   fill: of what is cut out.   Raises Error{kArgument} if they are not size's.
    void apply(std::span<std::uint8_t> pixels, Size size, ImageKey key, std::array<std::uint8_t, 3> fill,
               AugmentScratch& scratch) const;
    /// What happens between the images of a batch.
    [[nodiscard]] const Mixing& mixing() const { return mixing_; }

  private:
    friend class AugmentationParser;

    enum class Flip { kNever, kRandom, kAlternate };
    struct RandomCrop {
        double min_area, max_area, min_ratio, max_ratio;
    };
    struct RandomAffine {
        double degrees, translate, min_scale, max_scale, shear_degrees;
    };
    struct RandAugment {
        int count, magnitude;
    };
    struct ColourJitter {
        double brightness, contrast, saturation, hue;
    };

    void warp(std::span<std::uint8_t> pixels, Size size, ImageKey key, AugmentScratch& scratch) const;
    void rand_augment(std::span<std::uint8_t> pixels, Size size, ImageKey key, AugmentScratch& scratch) const;
    void jitter(std::span<std::uint8_t> pixels, ImageKey key) const;
    void move(std::span<std::uint8_t> pixels, Size size, ImageKey key, AugmentScratch& scratch) const;
    void cut_out(std::span<std::uint8_t> pixels, Size size, ImageKey key, std::array<std::uint8_t, 3> fill) const;
    [[nodiscard]] bool is_mirrored(ImageKey key) const;

    std::vector<std::string> steps_;
    std::optional<RandomCrop> crop_;
    std::optional<RandomAffine> affine_;
    std::optional<RandAugment> rand_augment_;
    std::optional<ColourJitter> jitter_;
    int translate_px_ = 0;
    Flip flip_ = Flip::kNever;
    int cutout_px_ = 0;
    Mixing mixing_;
};

}  // namespace saccade
