#pragma once

#include <optional>
#include <vector>

#include "huffman.hpp"
#include "saccade/image.hpp"
#include "saccade/resize.hpp"

namespace saccade {

/// A baseline JPEG at 1/8 of its size, in six tenths of the time that libjpeg takes. The pixels are libjpeg's, bit for
/// bit, unless the file is damaged so that sums leave the range of pictures: libjpeg's depend on the processor then.
///
/// At this scale a pixel of luma is the mean of its block, so most coefficients are skipped several at a time. Only the
/// plain case is read here; at the first oddity read() gives up, and libjpeg says what it is or reads it all the same.
class JpegEighth {
  public:
    /// Whether this file is of the plain kind. info: after jpeg_read_header, with output chosen at 1/8 and RGB.
    static bool can_read(const jpeg_decompress_struct& info);

    explicit JpegEighth(const jpeg_decompress_struct& info);

    /// Decodes a region of the scaled picture into out, which has its size. False, with out undefined, for a file that
    /// is not in order or ends early.
    bool read(const Crop& region, Image& out);

  private:
    /// One component of the picture, and one row of blocks of it, as many samples as the output has pixels.
    struct Component {
        HuffmanTable dc;
        HuffmanTable ac;
        const UINT16* quantizers;
        int side;    // samples along a block's side that the output takes: 1, or 2 of chroma that is halved
        int blocks;  // of an MCU, across and down
        std::int16_t predicted_dc = 0;
        std::optional<CoefficientSkipper> skipper{};  // where only the mean is needed
        std::vector<std::uint8_t> samples{};
    };

    bool prepare_components();
    bool read_row_of_blocks();
    bool read_block(BitReader& reader, Component& component, std::uint8_t* samples) const;
    bool restart_if_due();
    void convert(int row, const Crop& region, std::uint8_t* out) const;
    [[nodiscard]] bool is_complete_below(int row) const;

    const jpeg_decompress_struct& info_;
    Bytes bytes_;
    BitReader reader_;
    std::vector<Component> components_;
    int mcu_side_;  // output pixels along an MCU's side
    int mcus_across_;
    std::ptrdiff_t stride_;  // samples of a row of blocks
    unsigned until_restart_;
    int next_restart_ = 0;
};

}  // namespace saccade
