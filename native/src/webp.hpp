#pragma once

#include "saccade/error.hpp"
#include "saccade/image.hpp"

namespace saccade {

/// One WebP file: the constructor reads its header, read() its pixels.
class WebpReader {
  public:
    /// bytes must outlive the reader. Raises Error.
    WebpReader(Bytes bytes, const Limits& limits);

    /// As stored, before orientation.
    [[nodiscard]] Size size() const { return size_; }
    [[nodiscard]] int orientation() const { return orientation_; }

    /// Decodes all pixels.
    void read(Image& out) const;

  private:
    Bytes bytes_;
    Size size_;
    int orientation_ = 1;
};

}  // namespace saccade
