#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "saccade/image.hpp"

namespace saccade {

/// A rectangle of whole pixels.
struct Crop {
    int top = 0;
    int left = 0;
    Size size;

    [[nodiscard]] int bottom() const { return top + size.height; }
    [[nodiscard]] int right() const { return left + size.width; }
    bool operator==(const Crop&) const = default;
};

/// A rectangle in continuous pixel coordinates; the centre of the first pixel is (0.5, 0.5).
struct Box {
    double top = 0;
    double left = 0;
    double bottom = 0;
    double right = 0;

    /// All of a picture.
    static Box whole(Size size) { return {0, 0, static_cast<double>(size.height), static_cast<double>(size.width)}; }

    [[nodiscard]] double height() const { return bottom - top; }
    [[nodiscard]] double width() const { return right - left; }
};

/// How input samples are weighed: by a triangle two samples wide, or by Keys' cubic with a = -0.5, four wide. Both grow
/// with the scale, which keeps fine patterns from turning into coarse ones.
enum class Filter { kTriangle, kBicubic };

/// What is made of a picture: its part `box` is brought to `size`, and of that `keep` is kept.
struct Framing {
    Box box;
    Size size;
    Crop keep;
    Filter filter = Filter::kTriangle;

    /// All of a picture as it is.
    static Framing whole(Size size) { return {Box::whole(size), size, {0, 0, size}}; }
};

/// Which input samples one output sample is made of: samples [first, first + count), weights from first_weight on.
struct Tap {
    int first;
    int count;
    std::size_t first_weight;
};

/// Memory that a thread reuses from image to image.
struct ResizeScratch {
    std::vector<std::uint8_t> rows;
    std::vector<std::int32_t> lanes;
};

/// A resize that is worked out before the pixels are there, so that a decoder can leave out what is not read.
///
/// Two 8-bit fixed-point passes, across then down, on half-pixel centres: bit for bit what Pillow's Image.resize gives
/// for width and then height. (In one call Pillow 13 sometimes goes down first, and then differs by one level.)
class ResizePlan {
  public:
    /// pixels: size of the input, whose coordinates the framing's box is in. Neither box nor keep is empty or reaches
    /// beyond what it is a part of.
    ResizePlan(Size pixels, const Framing& framing);

    /// The input pixels that run() reads.
    [[nodiscard]] const Crop& source() const { return source_; }

    /// Size of what run() makes.
    [[nodiscard]] Size kept() const { return kept_; }

    /// pixels: those that `region` of the input holds; it covers source().   out: kept(), HWC packed.
    void run(PixelsView pixels, const Crop& region, std::span<std::uint8_t> out, ResizeScratch& scratch) const;

  private:
    /// Rows of levels in somebody else's memory, `stride` bytes apart.
    struct Rows {
        const std::uint8_t* data;
        std::size_t stride;
    };

    [[nodiscard]] Rows resize_across(Rows source, ResizeScratch& scratch) const;

    std::vector<Tap> across_;  // none where the columns stay as they are
    std::vector<Tap> down_;    // none where the rows do
    std::vector<std::int32_t> across_weights_;
    std::vector<std::int32_t> down_weights_;
    Crop source_;
    Size kept_;
};

/// Exactly `size` pixels. Raises Error{kArgument} for an empty image or size.
Image resize(PixelsView pixels, Size size, Filter filter = Filter::kTriangle);

}  // namespace saccade
