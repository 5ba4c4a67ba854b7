#include "geometry.hpp"

#include <cmath>
#include <cstring>
#include <numbers>

namespace saccade {

namespace {

constexpr int kFixedBits = 16;
constexpr int kShareBits = 8;  // of a sample's weight

/// The position inside [0, length) that any position is reflected to.
int reflected(std::int64_t position, int length) {
    if (position >= 0 && position < length) return static_cast<int>(position);
    const std::int64_t period = std::max(1, 2 * (length - 1));
    const std::int64_t within = (position % period + period) % period;
    return static_cast<int>(within < length ? within : period - within);
}

std::int64_t fixed(double value) {
    return std::llround(value * (1 << kFixedBits));
}

}  // namespace

void move_picture(std::span<std::uint8_t> pixels, Size size, int dy, int dx, bool is_mirrored,
                  std::vector<std::uint8_t>& scratch) {
    if (dy == 0 && dx == 0 && !is_mirrored) return;
    scratch.assign(pixels.begin(), pixels.end());
    const std::size_t row_bytes = static_cast<std::size_t>(size.width) * kChannels;
    thread_local std::vector<std::size_t> columns;
    columns.resize(static_cast<std::size_t>(size.width));
    for (int x = 0; x < size.width; ++x) {
        const int from = is_mirrored ? size.width - 1 - x : x;
        columns[static_cast<std::size_t>(x)] = static_cast<std::size_t>(reflected(from + dx, size.width)) * kChannels;
    }
    for (int y = 0; y < size.height; ++y) {
        const std::uint8_t* from =
            scratch.data() + static_cast<std::size_t>(reflected(y + dy, size.height)) * row_bytes;
        std::uint8_t* to = pixels.data() + static_cast<std::size_t>(y) * row_bytes;
        for (const std::size_t column : columns) {
            std::memcpy(to, from + column, kChannels);
            to += kChannels;
        }
    }
}

Affine affine_of(double degrees, double shear_degrees, double scale, double dy, double dx) {
    const double turn = degrees * std::numbers::pi / 180;
    const double slope = std::tan(shear_degrees * std::numbers::pi / 180);
    const double cosine = std::cos(turn);
    const double sine = std::sin(turn);
    // The inverse of: shear, turn, scale, move.
    const double a = (-sine * slope + cosine) / scale;
    const double b = (cosine * slope + sine) / scale;
    const double d = -sine / scale;
    const double e = cosine / scale;
    return {a, b, -a * dx - b * dy, d, e, -d * dx - e * dy};
}

void warp_picture(std::span<std::uint8_t> pixels, Size size, const Affine& source, std::vector<std::uint8_t>& scratch) {
    scratch.assign(pixels.begin(), pixels.end());
    const auto pixel = [&](std::int64_t y, std::int64_t x) {
        const auto row = static_cast<std::size_t>(reflected(y, size.height)) * static_cast<std::size_t>(size.width);
        return scratch.data() + (row + static_cast<std::size_t>(reflected(x, size.width))) * kChannels;
    };
    const double middle_x = size.width / 2.0;
    const double middle_y = size.height / 2.0;
    std::uint8_t* to = pixels.data();
    for (int y = 0; y < size.height; ++y) {
        const double down = y + 0.5 - middle_y;
        const double left = 0.5 - middle_x;
        // Centre of the row's first pixel; a sample's own centre lies half a pixel inside it.
        std::int64_t at_x = fixed(source[0] * left + source[1] * down + source[2] + middle_x - 0.5);
        std::int64_t at_y = fixed(source[3] * left + source[4] * down + source[5] + middle_y - 0.5);
        for (int x = 0; x < size.width; ++x, at_x += fixed(source[0]), at_y += fixed(source[3])) {
            const std::int64_t column = at_x >> kFixedBits;
            const std::int64_t row = at_y >> kFixedBits;
            const auto share_x = static_cast<int>((at_x - (column << kFixedBits)) >> (kFixedBits - kShareBits));
            const auto share_y = static_cast<int>((at_y - (row << kFixedBits)) >> (kFixedBits - kShareBits));
            const std::uint8_t* corners[] = {pixel(row, column), pixel(row, column + 1), pixel(row + 1, column),
                                             pixel(row + 1, column + 1)};
            constexpr int kOne = 1 << kShareBits;
            for (std::size_t c = 0; c < kChannels; ++c) {
                const int above = corners[0][c] * (kOne - share_x) + corners[1][c] * share_x;
                const int below = corners[2][c] * (kOne - share_x) + corners[3][c] * share_x;
                const int sum = above * (kOne - share_y) + below * share_y;
                *to++ = static_cast<std::uint8_t>((sum + (1 << (2 * kShareBits - 1))) >> (2 * kShareBits));
            }
        }
    }
}

}  // namespace saccade
