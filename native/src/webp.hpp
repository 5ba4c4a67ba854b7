#pragma once

#include "saccade/error.hpp"
#include "saccade/image.hpp"
#include "saccade/resize.hpp"
#include "scaled.hpp"

namespace saccade {

/// One WebP file: the constructor reads its header, read() its pixels.
class WebpReader {
  public:
    /// bytes must outlive the reader. Raises Error.
    WebpReader(Bytes bytes, const Limits& limits);

    /// As stored, before orientation.
    [[nodiscard]] Size size() const { return size_; }
    [[nodiscard]] int orientation() const { return orientation_; }

    /// Chooses the smallest of the scales 1/8, 1/4, 1/2, 1 that is at least twice this; 1 where scaling would show.
    Scaled scale_to(double least_scale);
    /// Decodes the whole scaled picture, whatever is needed.
    Crop read(const Crop& needed, Image& out) const;

  private:
    Bytes bytes_;
    Size size_;
    Size scaled_;
    bool has_alpha_ = false;
    int orientation_ = 1;
};

}  // namespace saccade
