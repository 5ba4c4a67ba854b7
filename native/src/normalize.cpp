#include "saccade/normalize.hpp"

#include <array>

#include "saccade/error.hpp"
#include "saccade/thread_pool.hpp"
#include "text.hpp"

namespace saccade {

namespace {

using Table = std::array<float, 256>;

/// The 256 possible results of one channel: exact, and as fast as arithmetic because the table stays in the first
/// cache.
Table normalized_levels(double mean, double std) {
    Table table{};
    for (std::size_t level = 0; level < table.size(); ++level) {
        table[level] = (static_cast<float>(level) / 255.0F - static_cast<float>(mean)) / static_cast<float>(std);
    }
    return table;
}

void normalize_image(std::span<const std::uint8_t> pixels, const std::array<Table, 3>& tables, std::span<float> out) {
    const std::size_t plane = pixels.size() / kChannels;
    float* red = out.data();
    float* green = red + plane;
    float* blue = green + plane;
    const std::uint8_t* pixel = pixels.data();
    for (std::size_t i = 0; i < plane; ++i, pixel += kChannels) {
        red[i] = tables[0][pixel[0]];
        green[i] = tables[1][pixel[1]];
        blue[i] = tables[2][pixel[2]];
    }
}

}  // namespace

void normalize(std::span<const std::uint8_t> pixels, const PreprocessSpec& spec, std::span<float> out,
               unsigned threads) {
    const std::size_t image_bytes = spec.size().bytes();
    if (pixels.size() != out.size() || pixels.size() % image_bytes != 0) {
        throw Error(Code::kArgument, "Normalising " + grouped(pixels.size()) + " levels into " + grouped(out.size()) +
                                         " floats; both must be whole images of " + grouped(image_bytes) + ".");
    }
    std::array<Table, 3> tables;
    for (std::size_t c = 0; c < kChannels; ++c) tables[c] = normalized_levels(spec.mean()[c], spec.std()[c]);
    parallel_for(pixels.size() / image_bytes, threads, [&](std::size_t i) {
        normalize_image(pixels.subspan(i * image_bytes, image_bytes), tables,
                        out.subspan(i * image_bytes, image_bytes));
    });
}

}  // namespace saccade
