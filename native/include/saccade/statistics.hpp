#pragma once

#include <cstdint>

#include "saccade/image.hpp"

namespace saccade {

/// What can be said about a picture without a model. Luma is (299 R + 587 G + 114 B) / 255,000, in [0, 1].
struct ImageStatistics {
    float brightness = 0;               ///< mean luma, [0, 1]
    float contrast = 0;                 ///< standard deviation of luma, [0, 0.5]
    float sharpness = 0;                ///< variance of luma's 4-neighbour Laplacian over inner pixels, [0, 16]
    float saturation = 0;               ///< mean of (max - min) / max over the channels, black counts 0, [0, 1]
    float entropy = 0;                  ///< of the 256-bin luma histogram, bits, [0, 8]
    std::uint64_t perceptual_hash = 0;  ///< near-duplicates differ in few bits
};

/// Statistics of pixels as they are given. Integer sums: the same pixels give the same result on every machine.
///
/// The hash is the pHash of Zauner 2010 (luma at 32 x 32 pixels, DCT-II, the 8 x 8 lowest frequencies against their
/// median, row by row from the highest bit), with our triangle resize.
/// Raises Error{kArgument} for an image without pixels.
ImageStatistics image_statistics(PixelsView pixels);

}  // namespace saccade
