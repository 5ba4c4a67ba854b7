#include "huffman.hpp"

#include <algorithm>

namespace saccade {

namespace {

constexpr int kMarker = 0xFF;

}  // namespace

BitReader BitReader::refilled_by_bytes(BitReader reader) {
    while (reader.ready_ < kRefilled) {
        std::uint64_t byte = 0;
        const std::uint8_t* next = reader.next_;
        const bool is_stuffed = reader.end_ - next >= 2 && next[0] == kMarker && next[1] == 0;
        if (is_stuffed || (next != reader.end_ && next[0] != kMarker)) {
            byte = next[0];
            reader.next_ += is_stuffed ? 2 : 1;
        } else {
            reader.padding_ += 8;
        }
        reader.bits_ |= byte << (56 - reader.ready_);
        reader.ready_ += 8;
    }
    return reader;
}

bool BitReader::restart(int number) {
    *this = refilled_by_bytes(*this);
    const bool is_aligned = ready_ - padding_ < 8;  // the last byte is filled up with ones
    if (is_exhausted() || !is_aligned || end_ - next_ < 2) return false;
    if (next_[0] != kMarker || next_[1] != JPEG_RST0 + number) return false;
    *this = BitReader({next_ + 2, end_});
    return true;
}

std::optional<HuffmanTable> HuffmanTable::make(const JHUFF_TBL* lengths) {
    if (lengths == nullptr) return std::nullopt;
    HuffmanTable table;
    std::ranges::copy(lengths->huffval, table.symbols_.begin());
    unsigned code = 0;
    int index = 0;
    for (int length = 1; length <= 16; ++length) {
        const auto at = static_cast<std::size_t>(length);
        table.first_symbol_[at] = index - static_cast<int>(code);
        for (int i = 0; i < lengths->bits[length]; ++i, ++code, ++index) {
            if (index >= 256 || code >= 1U << length) return std::nullopt;
            table.fill_codes(length, code, lengths->huffval[index]);
        }
        table.end_code_[at] = code;
        code <<= 1U;
    }
    return table;
}

void HuffmanTable::fill_codes(int length, unsigned code, std::uint8_t symbol) {
    if (length > kPeekBits) return;
    const auto first = std::size_t{code} << (kPeekBits - length);
    const auto count = std::size_t{1} << (kPeekBits - length);
    std::fill_n(short_codes_.begin() + static_cast<std::ptrdiff_t>(first), count,
                Code{static_cast<std::uint8_t>(length), symbol});
}

HuffmanTable::Code HuffmanTable::long_code(std::uint32_t bits) const {
    for (int length = 1; length <= kLongestCode; ++length) {
        const auto at = static_cast<std::size_t>(length);
        const unsigned code = bits >> (kLongestCode - length);
        if (code >= end_code_[at]) continue;
        const int index = first_symbol_[at] + static_cast<int>(code);
        return {static_cast<std::uint8_t>(length), symbols_[static_cast<std::size_t>(index)]};
    }
    return {};
}

CoefficientSkipper::CoefficientSkipper(const HuffmanTable& table) : table_(table) {
    for (unsigned peeked = 0; peeked < steps_.size(); ++peeked) {
        int taken = 0;
        int coefficients = 0;
        bool is_end = false;
        while (!is_end) {
            const unsigned left = peeked << (HuffmanTable::kLongestCode - kPeekBits + taken) & 0xFFFF;
            const HuffmanTable::Code code = table.code(left);
            const int bits = taken + code.length + value_bits(code.symbol);
            if (code.length == 0 || bits > kPeekBits) break;
            taken = bits;
            is_end = ends_block(code.symbol);
            if (!is_end) coefficients += coefficients_of(code.symbol);
        }
        Step& step = steps_[peeked];
        step.bits = static_cast<std::uint16_t>(taken & 15);
        step.coefficients = static_cast<std::uint16_t>(coefficients & 255);
        step.is_end = is_end ? 1 : 0;
    }
}

bool CoefficientSkipper::skip_one(BitReader& reader, int& last) const {
    BitReader own = reader;
    own.refill();
    const int symbol = table_.symbol(own);
    if (symbol < 0) return false;
    own.drop(value_bits(symbol));
    reader = own;
    last = ends_block(symbol) ? kLastCoefficient : last + coefficients_of(symbol);
    return last <= kLastCoefficient;
}

}  // namespace saccade
