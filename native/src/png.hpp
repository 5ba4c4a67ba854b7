#pragma once

#include <png.h>

#include <csetjmp>
#include <vector>

#include "saccade/error.hpp"
#include "saccade/image.hpp"
#include "saccade/resize.hpp"
#include "scaled.hpp"

namespace saccade {

/// One PNG file: the constructor reads its header, read() its pixels.
class PngReader {
  public:
    /// bytes must outlive the reader. Raises Error.
    PngReader(Bytes bytes, const Limits& limits);
    ~PngReader();
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;

    /// As stored, before orientation.
    [[nodiscard]] Size size() const { return size_; }
    /// From an eXIf chunk that stands before the pixels.
    [[nodiscard]] int orientation() const { return orientation_; }

    /// The whole picture: PNG has no smaller scale.
    [[nodiscard]] Scaled scale_to(double) const { return {size_}; }
    /// Decodes all pixels, whatever is needed; call once.
    Crop read(const Crop& needed, Image& out);

  private:
    template <typename Step>
    void guarded(Step step);
    [[nodiscard]] bool has_all_rows() const;
    [[nodiscard]] Error failure() const;
    void read_header(const Limits& limits);

    static void on_error(png_structp png, png_const_charp message);
    static void on_warning(png_structp png, png_const_charp message);
    static void on_read(png_structp png, png_bytep to, std::size_t count);
    static png_voidp on_allocate(png_structp png, png_alloc_size_t bytes);
    static void on_free(png_structp png, png_voidp memory);

    Bytes bytes_;
    std::size_t position_ = 0;
    std::size_t bytes_after_rows_ = 0;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::jmp_buf jump_{};
    Size size_;
    int orientation_ = 1;
    bool has_ended_ = false;
    bool is_out_of_memory_ = false;
};

}  // namespace saccade
