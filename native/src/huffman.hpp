#pragma once

#include <cstdio>  // jpeglib.h needs FILE and size_t

#include <jpeglib.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "saccade/image.hpp"

namespace saccade {

inline constexpr int kLastCoefficient = 63;
inline constexpr int kRefilled = 56;

/// A symbol of AC coefficients: bits of the value that follows, and how far it leads in the block (T.81, F.2.2.2).
inline int value_bits(int symbol) {
    return symbol & 15;
}
inline int coefficients_of(int symbol) {
    return (symbol >> 4) + 1;
}
inline bool ends_block(int symbol) {
    return value_bits(symbol) == 0 && symbol != 0xF0;
}

/// Bits of a JPEG's entropy-coded data, from the highest on; zeros after its end or before a marker.
class BitReader {
  public:
    explicit BitReader(Bytes bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    /// Makes at least kRefilled bits ready.
    void refill() {
        if (!refill_by_word()) *this = refilled_by_bytes(*this);
    }
    /// The next `count` bits, of which 1 to 32 are asked for and ready.
    [[nodiscard]] std::uint32_t peek(int count) const { return static_cast<std::uint32_t>(bits_ >> (64 - count)); }
    void drop(int count) {
        bits_ <<= count;
        ready_ -= count;
    }
    /// The next `count` bits as JPEG writes signed numbers (T.81, F.2.2.1); 0 of none. Free of branches, which would be
    /// guessed wrong.
    int signed_number(int count) {
        const auto value = static_cast<int>(bits_ >> 1U >> (63 - count));
        const int range = 1 << count;
        drop(count);
        return value < range / 2 ? value - range + 1 : value;
    }

    /// Whether more bits were taken than there are.
    [[nodiscard]] bool is_exhausted() const { return padding_ > ready_; }
    /// Goes on after the restart marker of this number; false if something else is next.
    bool restart(int number);
    /// The first byte of which no bit is ready.
    [[nodiscard]] const std::uint8_t* next() const { return next_; }

  private:
    bool refill_by_word();
    static BitReader refilled_by_bytes(BitReader reader);  // by value: a reader in registers need not leave them

    const std::uint8_t* next_;
    const std::uint8_t* end_;
    std::uint64_t bits_ = 0;  // the next bit is the highest; below the ready ones may be bits that come again
    int ready_ = 0;
    int padding_ = 0;  // how many of the ready bits are zeros from beyond the end
};

inline bool BitReader::refill_by_word() {
    constexpr std::uint64_t kEveryByte = 0x0101010101010101;
    if (end_ - next_ < 8) return false;
    std::uint64_t word = 0;
    std::memcpy(&word, next_, sizeof word);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    const bool has_marker_byte = ((~word - kEveryByte) & word & (kEveryByte << 7U)) != 0;
    if (has_marker_byte) return false;
    bits_ |= word >> ready_;
    const int count = (63 - ready_) / 8;
    next_ += count;
    ready_ += 8 * count;
    return true;
}

/// Decodes the codes of one Huffman table.
class HuffmanTable {
  public:
    /// None without lengths, or if they make no prefix code.
    static std::optional<HuffmanTable> make(const JHUFF_TBL* lengths);

    /// Takes one code and returns its symbol, or -1 where there is none. The reader has been refilled.
    int symbol(BitReader& reader) const {
        const Code code = this->code(reader.peek(kLongestCode));
        reader.drop(code.length);
        return code.length == 0 ? -1 : code.symbol;
    }

  private:
    friend class CoefficientSkipper;
    static constexpr int kPeekBits = 12;
    static constexpr int kLongestCode = 16;

    struct Code {
        std::uint8_t length = 0;  // 0: the code is longer than kPeekBits, or there is none
        std::uint8_t symbol = 0;
    };
    /// The code that these 16 bits begin with.
    [[nodiscard]] Code code(std::uint32_t bits) const {
        const Code code = short_codes_[bits >> (kLongestCode - kPeekBits)];
        return code.length != 0 ? code : long_code(bits);
    }
    void fill_codes(int length, unsigned code, std::uint8_t symbol);
    [[nodiscard]] Code long_code(std::uint32_t bits) const;

    std::array<Code, 1 << kPeekBits> short_codes_{};
    std::array<unsigned, 17> end_code_{};  // one past the last code of each length
    std::array<int, 17> first_symbol_{};   // index of a length's first symbol, less its first code
    std::array<std::uint8_t, 256> symbols_{};
};

/// Leaves the AC coefficients of blocks out, several at a time.
class CoefficientSkipper {
  public:
    explicit CoefficientSkipper(const HuffmanTable& table);

    /// Takes all AC coefficients of a block. False where they make no block.
    bool skip(BitReader& reader) const {
        int last = 0;
        while (true) {
            reader.refill();
            for (int round = 0; round < kRefilled / kPeekBits; ++round) {
                const Step step = steps_[reader.peek(kPeekBits)];
                // The block may be full before all of the codes are taken.
                if (step.bits == 0 || last + step.coefficients >= kLastCoefficient) {
                    if (!skip_one(reader, last)) return false;
                    if (last >= kLastCoefficient) return true;
                    break;
                }
                reader.drop(step.bits);
                if (step.is_end) return true;
                last += step.coefficients;
            }
        }
    }

  private:
    static constexpr int kPeekBits = 12;

    /// As many whole coefficients as kPeekBits hold.
    struct Step {
        std::uint16_t bits : 4 = 0;
        std::uint16_t coefficients : 8 = 0;
        std::uint16_t is_end : 1 = 0;  // with the code that ends the block
    };

    bool skip_one(BitReader& reader, int& last) const;

    HuffmanTable table_;
    std::array<Step, 1 << kPeekBits> steps_{};
};

}  // namespace saccade
