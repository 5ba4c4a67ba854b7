#include "colour.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace saccade {

namespace {

constexpr int kLevels = 256;

using Table = std::array<std::uint8_t, kLevels>;
using Tables = std::array<Table, kChannels>;

std::uint8_t level_of(double value) {
    return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

/// to + (from - to) * factor: a level that is moved away from another, or towards it below 1.
double moved_away(double from, double to, double factor) {
    return to + (from - to) * factor;
}

template <typename LevelOf>
Table table_of(LevelOf new_level) {
    Table table;
    for (int level = 0; level < kLevels; ++level) table[static_cast<std::size_t>(level)] = new_level(level);
    return table;
}

void map_levels(std::span<std::uint8_t> pixels, const Tables& tables) {
    for (std::size_t i = 0; i + 2 < pixels.size(); i += kChannels) {
        for (std::size_t c = 0; c < kChannels; ++c) pixels[i + c] = tables[c][pixels[i + c]];
    }
}

void map_levels(std::span<std::uint8_t> pixels, const Table& table) {
    for (std::uint8_t& level : pixels) level = table[level];
}

double grey_of(const std::uint8_t* rgb) {
    return 0.2989 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

using Histogram = std::array<int, kLevels>;

Histogram histogram_of(std::span<const std::uint8_t> pixels, std::size_t channel) {
    Histogram histogram{};
    for (std::size_t i = channel; i < pixels.size(); i += kChannels) ++histogram[pixels[i]];
    return histogram;
}

Table stretching_table(const Histogram& histogram) {
    const auto is_used = [](int count) { return count != 0; };
    const auto darkest = std::ranges::find_if(histogram, is_used) - histogram.begin();
    const auto brightest =
        kLevels - 1 - (std::find_if(histogram.rbegin(), histogram.rend(), is_used) - histogram.rbegin());
    const double scale = brightest > darkest ? 255.0 / static_cast<double>(brightest - darkest) : 1;
    const double offset = brightest > darkest ? static_cast<double>(darkest) : 0;
    return table_of([=](int level) { return level_of((level - offset) * scale); });
}

/// Pillow's: the brightest used level is left out of the step.
Table equalizing_table(const Histogram& histogram) {
    const int pixels = std::accumulate(histogram.begin(), histogram.end(), 0);
    const auto brightest = std::find_if(histogram.rbegin(), histogram.rend(), [](int count) { return count != 0; });
    const int step = (pixels - *brightest) / (kLevels - 1);
    if (step == 0) return table_of([](int level) { return static_cast<std::uint8_t>(level); });
    int sum = step / 2;
    return table_of([&](int level) {
        const int equal = sum / step;
        sum += histogram[static_cast<std::size_t>(level)];
        return static_cast<std::uint8_t>(std::min(equal, kLevels - 1));
    });
}

/// Hue in turns of [0, 1), saturation and value as in Python's colorsys.
struct Hsv {
    double hue;
    double saturation;
    double value;
};

Hsv hsv_of(const std::uint8_t* rgb) {
    const double red = rgb[0];
    const double green = rgb[1];
    const double blue = rgb[2];
    const double value = std::max({red, green, blue});
    const double spread = value - std::min({red, green, blue});
    if (spread == 0) return {0, 0, value};
    double hue = value == red     ? (green - blue) / spread
                 : value == green ? 2 + (blue - red) / spread
                                  : 4 + (red - green) / spread;
    hue /= 6;
    return {hue - std::floor(hue), spread / value, value};
}

void write_rgb(const Hsv& hsv, std::uint8_t* rgb) {
    const double sixths = hsv.hue * 6;
    const int sector = static_cast<int>(sixths);
    const double part = sixths - sector;
    const double low = hsv.value * (1 - hsv.saturation);
    const double falling = hsv.value * (1 - hsv.saturation * part);
    const double rising = hsv.value * (1 - hsv.saturation * (1 - part));
    const std::array<std::array<double, 3>, 6> sectors{{{hsv.value, rising, low},
                                                        {falling, hsv.value, low},
                                                        {low, hsv.value, rising},
                                                        {low, falling, hsv.value},
                                                        {rising, low, hsv.value},
                                                        {hsv.value, low, falling}}};
    const auto& colour = sectors[static_cast<std::size_t>(sector % 6)];
    for (std::size_t c = 0; c < kChannels; ++c) rgb[c] = level_of(colour[c]);
}

}  // namespace

void adjust_brightness(std::span<std::uint8_t> pixels, double factor) {
    map_levels(pixels, table_of([factor](int level) { return level_of(level * factor); }));
}

void adjust_contrast(std::span<std::uint8_t> pixels, double factor) {
    double sum = 0;
    for (std::size_t i = 0; i + 2 < pixels.size(); i += kChannels) sum += std::floor(grey_of(&pixels[i]));
    const double mean = sum / (static_cast<double>(pixels.size()) / kChannels);
    map_levels(pixels, table_of([=](int level) { return level_of(moved_away(level, mean, factor)); }));
}

void adjust_saturation(std::span<std::uint8_t> pixels, double factor) {
    for (std::size_t i = 0; i + 2 < pixels.size(); i += kChannels) {
        const double grey = std::floor(grey_of(&pixels[i]));
        for (std::size_t c = 0; c < kChannels; ++c) pixels[i + c] = level_of(moved_away(pixels[i + c], grey, factor));
    }
}

void adjust_hue(std::span<std::uint8_t> pixels, double turns) {
    for (std::size_t i = 0; i + 2 < pixels.size(); i += kChannels) {
        Hsv hsv = hsv_of(&pixels[i]);
        hsv.hue += turns;
        hsv.hue -= std::floor(hsv.hue);
        write_rgb(hsv, &pixels[i]);
    }
}

void adjust_sharpness(std::span<std::uint8_t> pixels, Size size, double factor, std::vector<std::uint8_t>& scratch) {
    scratch.assign(pixels.begin(), pixels.end());
    const auto row = static_cast<std::size_t>(size.width) * kChannels;
    for (int y = 1; y + 1 < size.height; ++y) {
        const std::size_t first = static_cast<std::size_t>(y) * row;
        for (std::size_t i = first + kChannels; i + kChannels < first + row; ++i) {
            // torchvision's smoothing kernel: 1 all around, 5 in the middle.
            int sum = 4 * scratch[i];
            for (const std::size_t line : {i - row, i, i + row}) {
                sum += scratch[line - kChannels] + scratch[line] + scratch[line + kChannels];
            }
            pixels[i] = level_of(moved_away(scratch[i], std::round(sum / 13.0), factor));
        }
    }
}

void posterize(std::span<std::uint8_t> pixels, int bits) {
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits));
    for (std::uint8_t& level : pixels) level = static_cast<std::uint8_t>(level & mask);
}

void solarize(std::span<std::uint8_t> pixels, double threshold) {
    map_levels(pixels, table_of([threshold](int level) {
                   return static_cast<std::uint8_t>(level >= threshold ? kLevels - 1 - level : level);
               }));
}

void stretch_contrast(std::span<std::uint8_t> pixels) {
    Tables tables;
    for (std::size_t c = 0; c < kChannels; ++c) tables[c] = stretching_table(histogram_of(pixels, c));
    map_levels(pixels, tables);
}

void equalize(std::span<std::uint8_t> pixels) {
    Tables tables;
    for (std::size_t c = 0; c < kChannels; ++c) tables[c] = equalizing_table(histogram_of(pixels, c));
    map_levels(pixels, tables);
}

}  // namespace saccade
