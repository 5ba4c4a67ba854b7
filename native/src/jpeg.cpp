#include "jpeg.hpp"

#include <jerror.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "exif.hpp"
#include "jpeg_eighth.hpp"
#include "jpeg_markers.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace saccade {

namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr unsigned kMarkerBytes = 0xFFFF;
constexpr int kRowsAtOnce = 16;
constexpr int kNeighbours = 4;  // smooth upsampling of halved chroma reaches two pixels far
constexpr std::array<JOCTET, 2> kEndOfImage{0xFF, JPEG_EOI};

// The other warnings leave every pixel as the encoder meant it.
bool loses_pixels(int warning) {
    return warning == JWRN_HIT_MARKER || warning == JWRN_HUFF_BAD_CODE || warning == JWRN_MUST_RESYNC ||
           warning == JWRN_ARITH_BAD_CODE;
}

Code code_of(int message) {
    switch (message) {
        case JERR_OUT_OF_MEMORY:
        case JERR_NO_BACKING_STORE:
            return Code::kMemory;
        case JERR_IMAGE_TOO_BIG:
            return Code::kLimit;
        case JERR_ARITH_NOTIMPL:
        case JERR_BAD_PRECISION:
        case JERR_COMPONENT_COUNT:
        case JERR_CONVERSION_NOTIMPL:
        case JERR_FRACT_SAMPLE_NOTIMPL:
        case JERR_NOTIMPL:
        case JERR_NOT_COMPILED:
        case JERR_SOF_UNSUPPORTED:
            return Code::kUnsupported;
        default:
            return Code::kFormat;
    }
}

/// Chroma that is halved in one direction only, as 4:2:2. At 1/8 the decoder has no smooth upsampling for it, and the
/// mean error of the prepared picture rises from 0.5 to 2 levels.
bool has_uneven_chroma(const jpeg_decompress_struct& info) {
    const std::span components(info.comp_info, static_cast<std::size_t>(info.num_components));
    return std::ranges::any_of(components, [&info](const jpeg_component_info& component) {
        return component.h_samp_factor * info.max_v_samp_factor != component.v_samp_factor * info.max_h_samp_factor;
    });
}

/// a * b / 255, rounded, for bytes.
int multiply_255(int a, int b) {
    const int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/// Adobe's inverted CMYK, which is what cameras and Photoshop write, by Pillow's formula.
void inverted_cmyk_to_rgb(std::span<const JSAMPLE> cmyk, std::uint8_t* rgb) {
    for (std::size_t i = 0; i + 3 < cmyk.size(); i += 4, rgb += kChannels) {
        const int white = cmyk[i + 3];
        for (std::size_t c = 0; c < kChannels; ++c) {
            rgb[c] = static_cast<std::uint8_t>(std::clamp(white - multiply_255(255 - cmyk[i + c], white), 0, 255));
        }
    }
}

}  // namespace

JpegReader::JpegReader(Bytes bytes, const Limits& limits) : bytes_(bytes), limits_(limits) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    info_.client_data = this;
    try {
        guarded([this] { jpeg_create_decompress(&info_); });
        read_header();
    } catch (...) {
        jpeg_destroy_decompress(&info_);
        throw;
    }
}

JpegReader::~JpegReader() {
    jpeg_destroy_decompress(&info_);
}

Size JpegReader::size() const {
    return {static_cast<int>(info_.image_height), static_cast<int>(info_.image_width)};
}

int JpegReader::orientation() const {
    return orientation_;
}

void JpegReader::read_header() {
    source_.next_input_byte = bytes_.data();
    source_.bytes_in_buffer = bytes_.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.term_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = on_end_of_bytes;
    source_.skip_input_data = on_skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    info_.src = &source_;
    guarded([this] {
        jpeg_save_markers(&info_, kExifMarker, kMarkerBytes);
        jpeg_read_header(&info_, TRUE);
    });
    is_header_read_ = true;
    for (jpeg_saved_marker_ptr marker = info_.marker_list; marker != nullptr && orientation_ == 1;
         marker = marker->next) {
        orientation_ = exif_orientation({marker->data, marker->data_length});
    }
    check_size(info_.image_height, info_.image_width, limits_);
    if (info_.num_components != 1 && info_.num_components != 3 && info_.num_components != 4) {
        throw Error(Code::kUnsupported, "The JPEG has " + std::to_string(info_.num_components) +
                                            " colour channels; 1, 3 or 4 can be read. Save it as RGB.");
    }
}

Scaled JpegReader::scale_to(double least_scale) {
    const int eighths = eighths_for(least_scale, has_uneven_chroma(info_) ? 2 : 1);
    info_.scale_num = static_cast<unsigned>(eighths);
    info_.scale_denom = 8;
    info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
    info_.do_block_smoothing = FALSE;
    guarded([this] { jpeg_calc_output_dimensions(&info_); });
    // A newer decoder does not scale lossless files.
    const double scale = info_.output_width == info_.image_width ? 1.0 : eighths / 8.0;
    return {{static_cast<int>(info_.output_height), static_cast<int>(info_.output_width)}, scale, scale};
}

Crop JpegReader::read(const Crop& needed, Image& out) {
    Crop region = widened(needed);
    if (JpegEighth::can_read(info_)) {
        out.reshape(region.size);
        if (JpegEighth(info_).read(region, out)) return region;
    }
    start(region);
    out.reshape(region.size);
    if (info_.num_components == 4) {
        read_cmyk(out);
    } else {
        read_rgb(out);
    }
    finish();
    return region;
}

/// Whether the decoder leaves out pixels without changing others: it does for the usual samplings. Blocks of a
/// progressive picture are all there before its first row.
bool JpegReader::can_crop() const {
    return info_.max_h_samp_factor <= 2 && info_.max_v_samp_factor <= 2 && info_.num_components != 4;
}

/// The part that is decoded for what is needed. Smooth upsampling looks at neighbours, so some more are decoded.
Crop JpegReader::widened(const Crop& needed) const {
    const auto height = static_cast<int>(info_.output_height);
    const auto width = static_cast<int>(info_.output_width);
    if (!can_crop()) return {0, 0, {height, width}};
    const int top = std::max(0, needed.top - kNeighbours);
    const int left = std::max(0, needed.left - kNeighbours);
    return {
        top,
        left,
        {std::min(height, needed.bottom() + kNeighbours) - top, std::min(width, needed.right() + kNeighbours) - left}};
}

/// Begins to decode. The region grows to the left and right up to whole blocks.
void JpegReader::start(Crop& region) {
    progress_.progress_monitor = on_progress;
    info_.progress = &progress_;
    guarded([this] { jpeg_start_decompress(&info_); });
    auto left = static_cast<JDIMENSION>(region.left);
    auto width = static_cast<JDIMENSION>(region.size.width);
    if (width < info_.output_width) {
        guarded([this, &left, &width] { jpeg_crop_scanline(&info_, &left, &width); });
    }
    region.left = static_cast<int>(left);
    region.size.width = static_cast<int>(width);
    if (region.top > 0) {
        guarded([this, &region] { jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(region.top)); });
    }
}

void JpegReader::read_rgb(Image& out) {
    guarded([this, &out] {
        std::array<JSAMPROW, kRowsAtOnce> rows;
        for (int y = 0; y < out.size().height;) {
            const int count = std::min(kRowsAtOnce, out.size().height - y);
            for (int i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)] = out.row(y + i);
            y += static_cast<int>(jpeg_read_scanlines(&info_, rows.data(), static_cast<JDIMENSION>(count)));
        }
    });
}

void JpegReader::read_cmyk(Image& out) {
    std::vector<JSAMPLE> cmyk(std::size_t{info_.output_width} * 4);
    guarded([this, &out, &cmyk] {
        JSAMPROW row = cmyk.data();
        for (int y = 0; y < out.size().height;) {
            if (jpeg_read_scanlines(&info_, &row, 1) == 1) inverted_cmyk_to_rgb(cmyk, out.row(y++));
        }
    });
}

/// Makes sure that the file is whole.
void JpegReader::finish() {
    const bool has_one_scan = jpeg_has_multiple_scans(&info_) == FALSE;
    // With the end marker still ahead, the rows below need no decoding.
    const bool is_end_ahead = !has_ended_ && has_end_marker({source_.next_input_byte, source_.bytes_in_buffer});
    if (has_one_scan && info_.output_scanline < info_.output_height && !is_end_ahead) skip_rest();
    // Whole scans may be missing without a trace, and the arithmetic decoder makes up the bytes that it lacks.
    if (has_ended_ && (!has_one_scan || info_.arith_code != 0)) throw failure();
    jpeg_abort_decompress(&info_);
}

void JpegReader::skip_rest() {
    std::vector<JSAMPLE> last(std::size_t{info_.output_width} * static_cast<unsigned>(info_.output_components));
    guarded([this, &last] {
        // The decoder would not look at the bytes if it were to skip all of the rows.
        jpeg_skip_scanlines(&info_, info_.output_height - info_.output_scanline - 1);
        JSAMPROW row = last.data();
        while (info_.output_scanline < info_.output_height) jpeg_read_scanlines(&info_, &row, 1);
    });
}

/// Runs step, which calls libjpeg, and turns its longjmp into an exception. A step holds nothing with a destructor:
/// the jump would skip it.
template <typename Step>
void JpegReader::guarded(Step step) {
    static_assert(std::is_trivially_destructible_v<Step>);
    if (setjmp(jump_) != 0) throw failure();
    step();
}

Error JpegReader::failure() const {
    if (has_ended_) {
        const std::string rows = is_header_read_ ? " with " + grouped(info_.output_scanline) + " of " +
                                                       grouped(info_.output_height) + " rows decoded"
                                                 : " within its header";
        return {Code::kTruncated, "The JPEG stops after " + grouped(bytes_.size()) + " bytes" + rows +
                                      ". The file is incomplete: get it again or remove it."};
    }
    if (has_too_many_scans_) {
        return {Code::kLimit, "The JPEG has more than " + grouped(limits_.max_scans) +
                                  " scans. Save it again as a baseline JPEG or raise max_scans."};
    }
    const Code code = code_of(errors_.msg_code);
    switch (code) {
        case Code::kMemory:
            return {code, "No memory is left to decode this JPEG. Make it smaller or use fewer threads."};
        case Code::kLimit:
            return {code, "The JPEG is larger than 65,500 pixels on a side. Make it smaller."};
        case Code::kUnsupported:
            return {code,
                    "The JPEG is of a kind that is not read, such as 12-bit or lossless. Save it as 8-bit baseline."};
        default:
            return {code, "The JPEG is damaged near byte " + grouped(bytes_.size() - source_.bytes_in_buffer) + " of " +
                              grouped(bytes_.size()) + ". Get it again or remove it."};
    }
}

void JpegReader::on_error(j_common_ptr info) {
    std::longjmp(static_cast<JpegReader*>(info->client_data)->jump_, 1);
}

void JpegReader::on_message(j_common_ptr info, int level) {
    if (level == -1 && loses_pixels(info->err->msg_code)) on_error(info);
}

boolean JpegReader::on_end_of_bytes(j_decompress_ptr info) {
    auto* reader = static_cast<JpegReader*>(info->client_data);
    reader->has_ended_ = true;
    if (!reader->is_header_read_) on_error(reinterpret_cast<j_common_ptr>(info));
    // The decoder reads ahead. It gets an end marker and warns, which on_message catches, only if it needed real bytes.
    info->src->next_input_byte = kEndOfImage.data();
    info->src->bytes_in_buffer = kEndOfImage.size();
    return TRUE;
}

void JpegReader::on_skip(j_decompress_ptr info, long bytes) {
    if (bytes <= 0) return;
    if (static_cast<std::size_t>(bytes) > info->src->bytes_in_buffer) {
        on_end_of_bytes(info);
        return;
    }
    info->src->next_input_byte += bytes;
    info->src->bytes_in_buffer -= static_cast<std::size_t>(bytes);
}

void JpegReader::on_progress(j_common_ptr info) {
    auto* reader = static_cast<JpegReader*>(info->client_data);
    if (reader->info_.input_scan_number <= reader->limits_.max_scans) return;
    reader->has_too_many_scans_ = true;
    on_error(info);
}

}  // namespace saccade
