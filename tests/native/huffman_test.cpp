#include "huffman.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace saccade {
namespace {

/// Codes 0, 10, 110 and 1110000000000 for the symbols, in this order.
JHUFF_TBL lengths_of(std::array<UINT8, 4> symbols) {
    JHUFF_TBL table{};
    table.bits[1] = table.bits[2] = table.bits[3] = table.bits[13] = 1;
    std::copy(symbols.begin(), symbols.end(), table.huffval);
    return table;
}

CoefficientSkipper skipper_of(std::array<UINT8, 4> symbols) {
    const JHUFF_TBL lengths = lengths_of(symbols);
    return CoefficientSkipper(*HuffmanTable::make(&lengths));
}

TEST(BitReader, gives_bits_from_the_highest_on_and_takes_stuffing_out) {
    const std::vector<std::uint8_t> bytes{0xA5, 0xFF, 0x00, 0x0F};
    BitReader reader(bytes);
    reader.refill();

    EXPECT_EQ(reader.peek(4), 0xAU);
    reader.drop(4);
    EXPECT_EQ(reader.peek(12), 0x5FFU);
    reader.drop(12);
    EXPECT_EQ(reader.peek(8), 0x0FU);
    EXPECT_FALSE(reader.is_exhausted());
    reader.drop(9);
    EXPECT_TRUE(reader.is_exhausted());
}

TEST(BitReader, reads_any_number_of_bits_across_refills) {
    std::vector<std::uint8_t> bytes(64);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 % 251);
    for (int step = 1; step <= 31; ++step) {
        BitReader reader(bytes);
        for (int at = 0; at + step <= 512; at += step) {
            reader.refill();
            std::uint32_t expected = 0;
            for (int bit = at; bit < at + step; ++bit) {
                const auto byte = bytes[static_cast<std::size_t>(bit / 8)];
                expected = expected << 1U | (byte >> (7 - bit % 8) & 1U);
            }
            ASSERT_EQ(reader.peek(step), expected) << step << " at " << at;
            reader.drop(step);
        }
        ASSERT_FALSE(reader.is_exhausted());
    }
}

TEST(BitReader, signed_numbers_are_those_of_the_standard) {
    const std::vector<std::uint8_t> bytes{0b0'1'00'01'10, 0b11'000000};  // of 1 bit: -1, 1; of 2 bits: -3, -2, 2, 3
    BitReader reader(bytes);
    reader.refill();

    for (const int expected : {-1, 1}) EXPECT_EQ(reader.signed_number(1), expected);
    for (const int expected : {-3, -2, 2, 3}) EXPECT_EQ(reader.signed_number(2), expected);
    EXPECT_EQ(reader.signed_number(0), 0);
}

TEST(BitReader, goes_on_only_after_the_restart_marker_that_is_due) {
    const std::vector<std::uint8_t> bytes{0xAB, 0xFF, 0xD3, 0xCD};
    BitReader due(bytes);
    BitReader other(bytes);
    BitReader early(bytes);
    due.refill();
    due.drop(5);
    other.refill();
    other.drop(5);

    EXPECT_TRUE(due.restart(3));
    due.refill();
    EXPECT_EQ(due.peek(8), 0xCDU);
    EXPECT_FALSE(other.restart(2));
    EXPECT_FALSE(early.restart(3));  // a whole byte is left
}

TEST(HuffmanTable, decodes_short_and_long_codes) {
    const JHUFF_TBL lengths = lengths_of({7, 8, 9, 10});
    const std::optional<HuffmanTable> table = HuffmanTable::make(&lengths);
    const std::vector<std::uint8_t> bytes{0b0'10'110'11, 0b10000000, 0b000'0'0000};
    BitReader reader(bytes);
    std::vector<int> symbols;
    for (int i = 0; i < 5; ++i) {
        reader.refill();
        symbols.push_back(table->symbol(reader));
    }

    EXPECT_EQ(symbols, (std::vector<int>{7, 8, 9, 10, 7}));
}

TEST(HuffmanTable, code_that_is_not_there_is_no_symbol) {
    const JHUFF_TBL lengths = lengths_of({7, 8, 9, 10});
    const std::optional<HuffmanTable> table = HuffmanTable::make(&lengths);
    const std::vector<std::uint8_t> bytes{0xFF, 0x00, 0xFF, 0x00, 0xFF, 0x00};
    BitReader reader(bytes);
    reader.refill();

    EXPECT_EQ(table->symbol(reader), -1);
}

TEST(HuffmanTable, more_codes_than_their_length_allows_make_no_table) {
    JHUFF_TBL lengths{};
    lengths.bits[1] = 3;

    EXPECT_FALSE(HuffmanTable::make(&lengths));
}

TEST(CoefficientSkipper, skips_a_block_up_to_its_end) {
    // 0x01: one bit of value follows; 0xF0: sixteen zeros; 0x00: the end.
    const CoefficientSkipper skipper = skipper_of({0x01, 0x00, 0xF0, 0x02});
    const std::vector<std::uint8_t> bytes{0b0'1'0'0'110'0, 0b1'10'10101};
    BitReader reader(bytes);

    EXPECT_TRUE(skipper.skip(reader));
    EXPECT_EQ(reader.peek(5), 0b10101U);
}

TEST(CoefficientSkipper, full_block_has_no_end_code) {
    const CoefficientSkipper skipper = skipper_of({0x01, 0x00, 0xF0, 0x02});
    std::vector<std::uint8_t> bytes(17, 0b01010101);  // 63 coefficients in 126 bits, then the next block begins
    BitReader reader(bytes);

    EXPECT_TRUE(skipper.skip(reader));
    reader.refill();
    EXPECT_EQ(reader.peek(10), 0b0101010101U);
    reader.drop(10);
    EXPECT_FALSE(reader.is_exhausted());
    reader.drop(1);
    EXPECT_TRUE(reader.is_exhausted());
}

TEST(CoefficientSkipper, more_than_sixty_three_coefficients_are_no_block) {
    const CoefficientSkipper skipper = skipper_of({0x01, 0x00, 0xF0, 0x02});
    const std::vector<std::uint8_t> bytes{0b110'110'11, 0b0'110'0000};  // 4 times sixteen zeros
    BitReader reader(bytes);

    EXPECT_FALSE(skipper.skip(reader));
}

}  // namespace
}  // namespace saccade
