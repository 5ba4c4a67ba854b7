// Compiled once for each instruction set, into the namespace SACCADE_KERNELS. Nothing here may call an inline function
// of another header: the linker keeps one copy of such a function, and that may be one which an older machine cannot
// run.

#include "kernels.hpp"

namespace saccade::SACCADE_KERNELS {

namespace {

using std::int32_t;
using std::int64_t;
using std::size_t;
using std::uint32_t;
using std::uint8_t;

// The widest vector of the instruction set.
using Sums = int32_t __attribute__((vector_size(SACCADE_VECTOR_BYTES)));
// Behind the type, as above, clang would overlook the alignment and load from addresses that are not aligned.
using UnalignedSums __attribute__((vector_size(SACCADE_VECTOR_BYTES), aligned(4), may_alias)) = int32_t;
static_assert(alignof(UnalignedSums) == alignof(int32_t));
constexpr size_t kSumsLanes = SACCADE_VECTOR_BYTES / sizeof(int32_t);
constexpr size_t kLaneVectors = kLanes / kSumsLanes;

constexpr size_t kGatherPixels = 64;
constexpr size_t kBlendBytes = 64;
constexpr size_t kSumPixels = 1024;  // as many as a 32-bit sum of squared Laplacians or of saturations holds

uint8_t level_of(int32_t sum) {
    const int32_t level = sum >> kWeightBits;
    const int32_t positive = level > 0 ? level : 0;  // a cubic's weights may be negative
    return static_cast<uint8_t>(positive < 255 ? positive : 255);
}

int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}
int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/// Copies pixels of four bytes each, the fourth being the next pixel's first, which the last pixel of a row lacks.
void gather(const uint8_t* const* rows, size_t start, size_t count, bool has_next, uint8_t* levels) {
    const size_t safe = has_next ? count : count - 1;
    for (size_t x = 0; x < safe; ++x) {
        for (size_t r = 0; r < kRowGroup; ++r) {
            __builtin_memcpy(levels + x * kLanes + 4 * r, rows[r] + (start + x) * 3, 4);
        }
    }
    for (size_t r = 0; r < kRowGroup && safe < count; ++r) {
        __builtin_memcpy(levels + safe * kLanes + 4 * r, rows[r] + (start + safe) * 3, 3);
    }
}

void interleave(const uint8_t* const* rows, size_t count, int32_t* lanes) {
    uint8_t levels[kGatherPixels * kLanes] = {};
    for (size_t start = 0; start < count; start += kGatherPixels) {
        const bool has_next = start + kGatherPixels < count;
        const size_t pixels = has_next ? kGatherPixels : count - start;
        gather(rows, start, pixels, has_next, levels);
        for (size_t i = 0; i < pixels * kLanes; ++i) lanes[start * kLanes + i] = levels[i];
    }
}

void resize_columns(const int32_t* lanes, int first_sample, const Tap* taps, size_t size, const int32_t* weights,
                    uint8_t* to, size_t stride) {
    for (size_t x = 0; x < size; ++x) {
        Sums sums[kLaneVectors];
        for (Sums& sum : sums) sum = Sums{} + kHalfWeight;
        const int32_t* lane = lanes + static_cast<size_t>(taps[x].first - first_sample) * kLanes;
        const int32_t* weight = weights + taps[x].first_weight;
        for (int i = 0; i < taps[x].count; ++i, lane += kLanes) {
            for (size_t v = 0; v < kLaneVectors; ++v) {
                sums[v] += *reinterpret_cast<const UnalignedSums*>(lane + v * kSumsLanes) * weight[i];
            }
        }
        uint8_t levels[kLanes];
        for (size_t j = 0; j < kLanes; ++j) levels[j] = level_of(sums[j / kSumsLanes][j % kSumsLanes]);
        for (size_t r = 0; r < kRowGroup; ++r) __builtin_memcpy(to + r * stride + 3 * x, levels + 4 * r, 4);
    }
}

void blend_rows(const uint8_t* rows, size_t stride, size_t bytes, int count, const int32_t* weights, uint8_t* to) {
    size_t at = 0;
    for (; at + kBlendBytes <= bytes; at += kBlendBytes) {
        int32_t sums[kBlendBytes];
        for (int32_t& sum : sums) sum = kHalfWeight;
        for (int i = 0; i < count; ++i) {
            const uint8_t* row = rows + static_cast<size_t>(i) * stride + at;
            for (size_t j = 0; j < kBlendBytes; ++j) sums[j] += row[j] * weights[i];
        }
        for (size_t j = 0; j < kBlendBytes; ++j) to[at + j] = level_of(sums[j]);
    }
    for (; at < bytes; ++at) {
        int32_t sum = kHalfWeight;
        for (int i = 0; i < count; ++i) sum += rows[static_cast<size_t>(i) * stride + at] * weights[i];
        to[at] = level_of(sum);
    }
}

void luma(const uint8_t* pixels, size_t count, uint8_t* luma) {
    for (size_t i = 0; i < count; ++i) {
        const int32_t sum = 19595 * pixels[3 * i] + 38470 * pixels[3 * i + 1] + 7471 * pixels[3 * i + 2] + 0x8000;
        luma[i] = static_cast<uint8_t>(sum >> 16);
    }
}

int64_t saturation(const uint8_t* pixels, size_t count) {
    int64_t total = 0;
    for (size_t start = 0; start < count; start += kSumPixels) {
        const size_t end = start + kSumPixels < count ? start + kSumPixels : count;
        int32_t sum = 0;
        for (size_t i = start; i < end; ++i) {
            const int32_t red = pixels[3 * i];
            const int32_t green = pixels[3 * i + 1];
            const int32_t blue = pixels[3 * i + 2];
            const int32_t highest = larger(red, larger(green, blue));
            const int32_t spread = highest - smaller(red, smaller(green, blue));
            const float ratio = static_cast<float>(spread) / static_cast<float>(larger(highest, 1));
            sum += static_cast<int32_t>(ratio * kSaturationUnit + 0.5F);
        }
        total += sum;
    }
    return total;
}

RowMoments laplacian(const uint8_t* row, size_t width) {
    RowMoments moments{0, 0};
    const auto down = static_cast<std::ptrdiff_t>(width);
    for (size_t start = 1; start + 1 < width; start += kSumPixels) {
        const size_t end = start + kSumPixels < width - 1 ? start + kSumPixels : width - 1;
        int32_t sum = 0;
        int32_t squares = 0;
        for (size_t x = start; x < end; ++x) {
            const uint8_t* center = row + x;
            const int32_t value = 4 * center[0] - center[-1] - center[1] - center[-down] - center[down];
            sum += value;
            squares += value * value;
        }
        moments.sum += sum;
        moments.squares += squares;
    }
    return moments;
}

}  // namespace

extern const Kernels kKernels;
const Kernels kKernels{interleave, resize_columns, blend_rows, luma, saturation, laplacian};

}  // namespace saccade::SACCADE_KERNELS
