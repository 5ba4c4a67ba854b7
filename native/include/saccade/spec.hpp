#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "saccade/image.hpp"
#include "saccade/resize.hpp"

namespace saccade {

inline constexpr int kMaxTargetSide = 4096;

/// What happens between encoded bytes and the network's input; parsed from readable lines.
///
/// In this order, each at most once, `decode` and one of the two resizes required:
///   decode                        JPEG, PNG or WebP to RGB, EXIF orientation applied
///   resize(H,W)                   to exactly this size, aspect ratio not kept
///   resize_short(S)               the shorter side becomes S, the longer one floor(S * long / short)
///                                 both by an antialiased triangle, or bicubic as in resize(H,W;bicubic)
///   center_crop(S) | center_crop(H,W)   required after resize_short
///   normalize(r,g,b;r,g,b) | normalize(imagenet)   (pixel / 255 - mean) / std; left out: mean 0, std 1
class PreprocessSpec {
  public:
    /// Raises Error{kSpec} that names the line.
    static PreprocessSpec parse(std::span<const std::string> lines);

    /// Canonical lines: two specifications that prepare to the same values have the same lines.
    [[nodiscard]] const std::vector<std::string>& steps() const { return steps_; }
    /// Size of a prepared image.
    [[nodiscard]] Size size() const { return size_; }
    [[nodiscard]] const std::array<double, 3>& mean() const { return mean_; }
    [[nodiscard]] const std::array<double, 3>& std() const { return std_; }

    /// What is made of a picture of this size, as displayed.
    [[nodiscard]] Framing framing(Size full) const;
    /// The same of a part of a picture, which is brought to size() without a crop.
    [[nodiscard]] Framing framing_of_part(const Box& part) const;

    bool operator==(const PreprocessSpec& other) const { return steps_ == other.steps_; }

  private:
    friend class SpecParser;

    [[nodiscard]] Size resized(Size full) const;

    std::vector<std::string> steps_;
    Size resize_;  // resize_short: both sides hold S
    bool is_short_ = false;
    Filter filter_ = Filter::kTriangle;
    Size size_;
    std::array<double, 3> mean_{0.0, 0.0, 0.0};
    std::array<double, 3> std_{1.0, 1.0, 1.0};
};

}  // namespace saccade
