#include "npy.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "expect_error.hpp"

namespace saccade::classify {
namespace {

using Content = std::vector<std::uint8_t>;

// The elements 1.0 and -2.5 as float32, little-endian.
const Content kElements{0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0};

/// A .npy file of version 1 or later, as numpy/lib/format.py describes it, whose header ends as it is given.
Content bare_npy(const std::string& header, const Content& elements = kElements, std::uint8_t version = 1) {
    const std::size_t preamble = version == 1 ? 10 : 12;
    Content bytes{0x93, 'N', 'U', 'M', 'P', 'Y', version, 0};
    for (std::size_t i = bytes.size(), length = header.size(); i < preamble; ++i, length >>= 8U) {
        bytes.push_back(static_cast<std::uint8_t>(length & 255U));
    }
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), elements.begin(), elements.end());
    return bytes;
}

Content npy(std::string header, const Content& elements = kElements, std::uint8_t version = 1) {
    header.append("     \n");  // NumPy fills up to a multiple of 64, for alignment
    return bare_npy(header, elements, version);
}

std::string header(const std::string& type, const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

void expect_refused(const Content& bytes, const std::string& words) {
    test::expect_error<BundleError>([&] { (void)parse_npy(bytes); }, words);
}

TEST(Npy, holds_type_shape_and_elements) {
    const NpyArray array = parse_npy(npy(header("<f4", "(2,)")));
    EXPECT_EQ(array.type, "<f4");
    EXPECT_EQ(array.shape, (std::vector<std::size_t>{2}));
    EXPECT_EQ(array.values<float>(), (std::vector<float>{1.0F, -2.5F}));
}

TEST(Npy, of_every_type_gives_its_numbers) {
    EXPECT_EQ(parse_npy(npy(header("<i4", "(1, 2)"), {1, 2, 0, 0, 0xff, 0xff, 0xff, 0xff})).values<std::int32_t>(),
              (std::vector<std::int32_t>{513, -1}));
    EXPECT_EQ(parse_npy(npy(header("<f8", "()"), {0, 0, 0, 0, 0, 0, 0xf0, 0x3f})).values<double>(),
              (std::vector<double>{1.0}));
    EXPECT_TRUE(parse_npy(npy(header("<f8", "(0,)"), {})).values<double>().empty());
}

TEST(Npy, of_later_versions_has_a_longer_length) {
    EXPECT_EQ(parse_npy(npy(header("<f4", "(2, 1)"), kElements, 2)).shape, (std::vector<std::size_t>{2, 1}));
    EXPECT_EQ(parse_npy(npy(header("<f4", "(1, 2)"), kElements, 3)).shape, (std::vector<std::size_t>{1, 2}));
}

TEST(Npy, of_another_type_than_wanted_is_refused) {
    const NpyArray array = parse_npy(npy(header("<f4", "(2,)")));
    test::expect_error<BundleError>([&] { (void)array.values<std::int32_t>(); }, "It is of type '<f4', not '<i4'.");
}

TEST(Npy, that_is_cut_is_refused_at_every_byte) {
    const Content whole = npy(header("<f4", "(2,)"));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_THROW(parse_npy(Bytes(whole).first(length)), BundleError) << length;
    }
}

TEST(Npy, with_a_bit_flipped_is_read_inside_its_bytes_or_refused) {
    const Content whole = npy(header("<f4", "(2,)"));
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        Content flipped = whole;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << bit % 8));
        try {
            EXPECT_EQ(parse_npy(flipped).bytes.size(), kElements.size()) << bit;
        } catch (const BundleError&) {
            // Neither a crash nor another exception.
        }
    }
}

TEST(Npy, whose_shape_does_not_fit_its_bytes_is_refused) {
    for (const char* shape : {"(3,)", "(1,)", "()", "(2, 2)", "(0,)", "(0, 2)"}) {
        expect_refused(npy(header("<f4", shape)), "are not an array of shape");
    }
}

TEST(Npy, whose_shape_overflows_is_refused) {
    // 2^62 * 4 bytes and 2^32 * 2^32 are 0 in 64 bits; 2^64 does not fit in them.
    expect_refused(npy(header("<f4", "(4611686018427387904,)"), {}), "are not an array of shape");
    expect_refused(npy(header("<f4", "(4294967296, 4294967296)"), {}), "are not an array of shape");
    expect_refused(npy(header("<f4", "(18446744073709551616,)"), {}), "Its header is not");
}

TEST(Npy, of_another_order_or_type_is_refused) {
    for (const char* other : {"<i8", ">f4", "|O", "<f2", "<f44", "|u1"}) {
        expect_refused(npy(header(other, "(2,)")), "not that of a float32, float64 or int32 array in C order");
    }
    expect_refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }"), "in C order");
}

TEST(Npy, whose_header_is_not_numpys_is_refused) {
    for (const char* shape :
         {"(-2,)", "(2)", "(,)", "2", "(2,", "(2, )", "(2,1)", "(2,,1)", "(0x2,)", "( 2,)", "(2, 1,)"}) {
        expect_refused(npy(header("<f4", shape)), "Its header is not");
    }
    expect_refused(npy(header("<f4", "(2,)") + "{"), "Its header is not");
    expect_refused(bare_npy(header("<f4", "(2,)")), "Its header is not");
    expect_refused(bare_npy(header("<f4", "(2,)") + "\n "), "Its header is not");
    expect_refused(npy(header("<f4", "(" + std::string(600, ' ') + ")")), "Its header has 6");
}

TEST(Npy, that_is_something_else_is_refused) {
    expect_refused({}, "It is not a .npy file.");
    expect_refused(Content(200, 'N'), "It is not a .npy file.");
}

}  // namespace
}  // namespace saccade::classify
