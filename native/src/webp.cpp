#include "webp.hpp"

#include <webp/decode.h>

#include <algorithm>
#include <string_view>

#include "exif.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace saccade {

namespace {

constexpr std::size_t kRiffHeaderBytes = 12;
constexpr std::size_t kChunkHeaderBytes = 8;

std::size_t little_endian_32(Bytes bytes, std::size_t offset) {
    return std::size_t{bytes[offset]} | std::size_t{bytes[offset + 1]} << 8U | std::size_t{bytes[offset + 2]} << 16U |
           std::size_t{bytes[offset + 3]} << 24U;
}

/// The content of the first chunk with this name; empty where there is none.
Bytes find_chunk(Bytes riff, std::string_view name) {
    std::size_t at = kRiffHeaderBytes;
    while (at <= riff.size() && riff.size() - at >= kChunkHeaderBytes) {
        const std::size_t size = little_endian_32(riff, at + 4);
        const Bytes content = riff.subspan(at + kChunkHeaderBytes);
        if (size > content.size()) return {};
        if (std::equal(name.begin(), name.end(), riff.begin() + static_cast<std::ptrdiff_t>(at)))
            return content.first(size);
        at += kChunkHeaderBytes + size + (size & 1U);
    }
    return {};
}

Error failure(VP8StatusCode status, std::size_t bytes) {
    switch (status) {
        case VP8_STATUS_OUT_OF_MEMORY:
            return {Code::kMemory, "No memory is left to decode this WebP. Make it smaller or use fewer threads."};
        case VP8_STATUS_UNSUPPORTED_FEATURE:
            return {Code::kUnsupported, "The WebP is of a kind that is not read. Save it again as a still image."};
        case VP8_STATUS_SUSPENDED:
        case VP8_STATUS_NOT_ENOUGH_DATA:
            return {Code::kTruncated, "The WebP stops after " + grouped(bytes) +
                                          " bytes, before its last pixel. Get it again or remove it."};
        default:
            return {Code::kFormat, "The WebP of " + grouped(bytes) + " bytes is damaged. Get it again or remove it."};
    }
}

void check_complete(Bytes bytes) {
    const std::size_t announced = little_endian_32(bytes, 4) + kChunkHeaderBytes;
    if (announced <= bytes.size()) return;
    throw Error(Code::kTruncated, "The WebP stops after " + grouped(bytes.size()) + " of " + grouped(announced) +
                                      " bytes. The file is incomplete: get it again or remove it.");
}

}  // namespace

WebpReader::WebpReader(Bytes bytes, const Limits& limits) : bytes_(bytes) {
    check_complete(bytes);
    WebPBitstreamFeatures features;
    const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features);
    if (status != VP8_STATUS_OK) throw failure(status, bytes.size());
    check_size(features.height, features.width, limits);
    if (features.has_animation != 0) {
        throw Error(Code::kUnsupported, "The WebP is animated; the limit is one frame. Save one of its frames.");
    }
    size_ = scaled_ = {features.height, features.width};
    has_alpha_ = features.has_alpha != 0;
    orientation_ = exif_orientation(find_chunk(bytes, "EXIF"));
}

Scaled WebpReader::scale_to(double least_scale) {
    // The decoder's scaler weighs colours by alpha, which is dropped everywhere else, and moves the chroma of an odd
    // side by half a pixel. It averages boxes, which comes near the filter's triangle only at twice the size.
    const bool is_scalable = !has_alpha_ && size_.height % 2 == 0 && size_.width % 2 == 0;
    const int eighths = is_scalable ? eighths_for(2 * least_scale) : 8;
    const auto shrunk = [eighths](int side) { return (side * eighths + 7) / 8; };
    scaled_ = {shrunk(size_.height), shrunk(size_.width)};
    // It brings the whole picture to exactly this size.
    return {scaled_, static_cast<double>(scaled_.height) / size_.height,
            static_cast<double>(scaled_.width) / size_.width};
}

Crop WebpReader::read(const Crop&, Image& out) const {
    out.reshape(scaled_);
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0) throw Error(Code::kUnsupported, "The installed WebP library is too old.");
    config.options.use_scaling = scaled_ == size_ ? 0 : 1;
    config.options.scaled_width = scaled_.width;
    config.options.scaled_height = scaled_.height;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out.data().data();
    config.output.u.RGBA.stride = scaled_.width * static_cast<int>(kChannels);
    config.output.u.RGBA.size = out.data().size();
    const VP8StatusCode status = WebPDecode(bytes_.data(), bytes_.size(), &config);
    if (status != VP8_STATUS_OK) throw failure(status, bytes_.size());
    return {0, 0, scaled_};
}

}  // namespace saccade
