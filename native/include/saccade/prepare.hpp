#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "saccade/decode.hpp"
#include "saccade/error.hpp"
#include "saccade/image.hpp"
#include "saccade/resize.hpp"
#include "saccade/spec.hpp"
#include "saccade/statistics.hpp"
#include "saccade/tensor.hpp"

namespace saccade {

/// What is known of one image after prepare. With an error, only the error is meaningful.
struct ImageInfo {
    Format format = Format::kUnknown;
    Size size;                   ///< of the whole picture as displayed
    ImageStatistics statistics;  ///< of the prepared pixels: what the model sees
    std::optional<Error> error;
};

/// Decodes, orients, resizes and crops one image into out: spec.size() HWC uint8.
///
/// A JPEG is decoded at the smallest of the scales 1/8, 1/4, 1/2, 1 that still covers the resize target, a WebP at one
/// that covers it twice, and of a JPEG only what the crop needs. Never throws for bad bytes: the info carries the error
/// and out is zeros. Raises Error{kArgument} if out has another size.
ImageInfo prepare_image(Bytes image, const PreprocessSpec& spec, std::span<std::uint8_t> out,
                        const Limits& limits = {});

/// prepare_image of a part of the picture, which is brought to spec.size() without a crop: random resized crops.
/// part_of: gives the part for a picture of this size, as displayed; inside it and at least a pixel large.
ImageInfo prepare_part(Bytes image, const PreprocessSpec& spec, const std::function<Box(Size full)>& part_of,
                       std::span<std::uint8_t> out, const Limits& limits = {});

/// prepare_image for a batch: row i of out, (N, H, W, 3) packed, is image i. The result does not depend on threads
/// or on how images are split into batches. threads: 0 means every processor this process may use.
std::vector<ImageInfo> prepare(std::span<const Bytes> images, const PreprocessSpec& spec, std::span<std::uint8_t> out,
                               const Limits& limits = {}, unsigned threads = 0);

/// prepare, as the tensors that writer makes of the pixels. out: one tensor an image, zeros where it failed.
std::vector<ImageInfo> prepare_tensors(std::span<const Bytes> images, const PreprocessSpec& spec,
                                       const TensorWriter& writer, std::span<std::byte> out, const Limits& limits = {},
                                       unsigned threads = 0);

}  // namespace saccade
