#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "saccade/resize.hpp"

namespace saccade {

// Pillow's fixed point: 22 bits after the point leave 8 for the level and 2 for the sum's overshoot.
inline constexpr int kWeightBits = 22;
inline constexpr std::int32_t kHalfWeight = 1 << (kWeightBits - 1);

/// How many rows resize_columns works on at once.
inline constexpr std::size_t kRowGroup = 4;
/// One pixel of each row of a group, side by side: R, G, B and a lane that is not used, kRowGroup times.
inline constexpr std::size_t kLanes = 4 * kRowGroup;
/// How many bytes beyond its pixels each row that resize_columns makes may be written.
inline constexpr std::size_t kRowSlack = 1;

/// Sums over the inner pixels of one row.
struct RowMoments {
    std::int64_t sum;
    std::int64_t squares;
};

/// The loops over pixels, each compiled once for every vector width and chosen at run time.
/// All arithmetic is on integers, or single float operations per pixel, so every version gives the same result.
struct Kernels {
    /// Puts `count` RGB pixels of kRowGroup rows side by side, count * kLanes numbers.
    void (*interleave)(const std::uint8_t* const* rows, std::size_t count, std::int32_t* lanes);

    /// Makes `size` RGB pixels of kRowGroup rows, `stride` bytes apart, from the lanes of samples first_sample and up.
    void (*resize_columns)(const std::int32_t* lanes, int first_sample, const Tap* taps, std::size_t size,
                           const std::int32_t* weights, std::uint8_t* to, std::size_t stride);

    /// Weighted sum of `count` rows of `bytes` levels each, `stride` bytes apart.
    void (*blend_rows)(const std::uint8_t* rows, std::size_t stride, std::size_t bytes, int count,
                       const std::int32_t* weights, std::uint8_t* to);

    /// Pillow's convert("L") of `count` RGB pixels.
    void (*luma)(const std::uint8_t* pixels, std::size_t count, std::uint8_t* luma);

    /// Sum over `count` RGB pixels of (max - min) / max in units of 1 / kSaturationUnit.
    std::int64_t (*saturation)(const std::uint8_t* pixels, std::size_t count);

    /// Moments of the Laplacian of a row of `width` levels between two others.
    RowMoments (*laplacian)(const std::uint8_t* row, std::size_t width);
};

inline constexpr float kSaturationUnit = 65536.0F;

/// The versions that this machine can run, the fastest last.
std::span<const Kernels* const> supported_kernels();

/// The fastest of them.
const Kernels& kernels();

}  // namespace saccade
