#include "png.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "exif.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace saccade {

namespace {

// Rows and the inflater's window take far less; a chunk that announces more is not worth its memory.
constexpr png_alloc_size_t kMaxAllocationBytes = 16 << 20;

// Enough for the end of the stream and its checksum. The decoder inflates all that follows the last row, and a file of
// nothing else keeps it busy for two seconds a megabyte.
constexpr std::size_t kMaxBytesAfterRows = 16 << 10;

constexpr int kInterlacePasses = 7;

constexpr std::array<png_byte, 5> kExifChunk{'e', 'X', 'I', 'f', 0};

}  // namespace

PngReader::PngReader(Bytes bytes, const Limits& limits) : bytes_(bytes) {
    png_ = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, this, on_error, on_warning, this, on_allocate, on_free);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    try {
        if (info_ == nullptr) throw std::bad_alloc();
        read_header(limits);
    } catch (...) {
        png_destroy_read_struct(&png_, &info_, nullptr);
        throw;
    }
}

PngReader::~PngReader() {
    png_destroy_read_struct(&png_, &info_, nullptr);
}

void PngReader::read_header(const Limits& limits) {
    guarded([this] {
        png_set_read_fn(png_, this, on_read);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size says it better
        png_set_chunk_malloc_max(png_, 0);  // on_allocate refuses; a long chunk that is skipped does no harm
        // Text and profiles may inflate a thousandfold, and no chunk but this one changes how the picture is shown.
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, kExifChunk.data(), 1);
        png_read_info(png_, info_);
    });
    const std::int64_t height = png_get_image_height(png_, info_);
    const std::int64_t width = png_get_image_width(png_, info_);
    check_size(height, width, limits);
    size_ = {static_cast<int>(height), static_cast<int>(width)};
    png_bytep exif = nullptr;
    png_uint_32 exif_bytes = 0;
    if (png_get_eXIf_1(png_, info_, &exif_bytes, &exif) != 0) orientation_ = exif_orientation({exif, exif_bytes});
}

Crop PngReader::read(const Crop&, Image& out) {
    out.reshape(size_);
    std::vector<png_bytep> rows(static_cast<std::size_t>(size_.height));
    for (int y = 0; y < size_.height; ++y) rows[static_cast<std::size_t>(y)] = out.row(y);
    guarded([this, &rows] {
        png_set_strip_16(png_);
        png_set_palette_to_rgb(png_);
        png_set_expand_gray_1_2_4_to_8(png_);
        png_set_strip_alpha(png_);
        png_set_gray_to_rgb(png_);
        png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        if (png_get_rowbytes(png_, info_) != static_cast<std::size_t>(size_.width) * kChannels) {
            png_error(png_, "unexpected row size");
        }
        png_read_image(png_, rows.data());
    });
    return {0, 0, size_};
}

/// Runs step, which calls libpng, and turns its longjmp into an exception. A step holds nothing with a destructor:
/// the jump would skip it.
template <typename Step>
void PngReader::guarded(Step step) {
    static_assert(std::is_trivially_destructible_v<Step>);
    if (setjmp(jump_) != 0) throw failure();
    step();
}

/// Whether the last row is decoded, of the last pass if there are several.
bool PngReader::has_all_rows() const {
    return static_cast<int>(png_get_current_row_number(png_)) >= std::max(size_.height, 1) ||
           png_get_current_pass_number(png_) >= kInterlacePasses;
}

Error PngReader::failure() const {
    if (has_ended_) {
        return {Code::kTruncated, "The PNG stops after " + grouped(bytes_.size()) +
                                      " bytes. The file is incomplete: get it again or remove it."};
    }
    if (is_out_of_memory_) {
        return {Code::kMemory, "No memory is left to decode this PNG. Make it smaller or use fewer threads."};
    }
    return {Code::kFormat, "The PNG is damaged near byte " + grouped(position_) + " of " + grouped(bytes_.size()) +
                               ". Get it again or remove it."};
}

void PngReader::on_error(png_structp png, png_const_charp) {
    std::longjmp(static_cast<PngReader*>(png_get_error_ptr(png))->jump_, 1);
}

void PngReader::on_warning(png_structp, png_const_charp) {}

void PngReader::on_read(png_structp png, png_bytep to, std::size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->bytes_.size() - reader->position_) {
        reader->has_ended_ = true;
        png_error(png, "end of bytes");
    }
    if (reader->has_all_rows()) reader->bytes_after_rows_ += count;
    if (reader->bytes_after_rows_ > kMaxBytesAfterRows) png_error(png, "pixels beyond the last row");
    std::copy_n(reader->bytes_.data() + reader->position_, count, to);
    reader->position_ += count;
}

png_voidp PngReader::on_allocate(png_structp png, png_alloc_size_t bytes) {
    if (bytes > kMaxAllocationBytes) return nullptr;
    void* memory = std::malloc(bytes);
    if (memory == nullptr) static_cast<PngReader*>(png_get_mem_ptr(png))->is_out_of_memory_ = true;
    return memory;
}

void PngReader::on_free(png_structp, png_voidp memory) {
    std::free(memory);
}

}  // namespace saccade
