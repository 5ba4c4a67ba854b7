#include "npz.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "expect_error.hpp"
#include "files.hpp"

namespace saccade::classify {
namespace {

using Content = std::vector<std::uint8_t>;

/// An archive that fuzz/npz_corpus.py wrote.
Content written_by_numpy(const std::string& name) {
    return read_file(std::filesystem::path(SACCADE_NPZ_FOLDER) / (name + ".npz"), 1'000'000);
}

void expect_refused(const std::string& name, const std::string& words) {
    test::expect_error<BundleError>([&] { (void)parse_npz(written_by_numpy(name)); }, words);
}

TEST(Npz, holds_the_arrays_that_numpy_wrote) {
    const Npz npz = parse_npz(written_by_numpy("forest"));
    ASSERT_EQ(npz.size(), 8U);
    EXPECT_EQ(npz.at("centres").shape, (std::vector<std::size_t>{2, 2}));
    EXPECT_EQ(npz.at("centres").values<float>(), (std::vector<float>{1, 0, 0, 1}));
    EXPECT_EQ(npz.at("feature").values<std::int32_t>(), (std::vector<std::int32_t>{0, -1, -1}));
    EXPECT_EQ(npz.at("threshold").values<double>(), (std::vector<double>{0.25, 0, 0}));
    EXPECT_EQ(npz.at("normalizer").values<double>(), (std::vector<double>{2}));
}

TEST(Npz, holds_the_same_whether_deflated_or_not) {
    EXPECT_EQ(parse_npz(written_by_numpy("forest-deflated")), parse_npz(written_by_numpy("forest")));
}

TEST(Npz, without_arrays_is_empty) {
    EXPECT_TRUE(parse_npz(written_by_numpy("nothing")).empty());
}

TEST(Npz, that_is_no_archive_is_refused) {
    test::expect_error<BundleError>([] { (void)parse_npz(Content(500, 'P')); }, "It is not a whole .npz file");
}

TEST(Npz, of_what_numpy_does_not_write_is_refused_by_name) {
    expect_refused("text", "It holds 'readme.txt', which NumPy does not write.");
    expect_refused("bzip2", "It holds 'roots.npy', which NumPy does not write.");
    expect_refused("text-called-npy", "Array 'roots': It is not a .npy file.");
    expect_refused("twice", "It is not a whole .npz file: File already exists.");
}

TEST(Npz, of_arrays_that_are_not_read_is_refused_by_name) {
    for (const char* name : {"int64", "big-endian", "objects"}) expect_refused(name, "Array 'roots': Its header");
    expect_refused("fortran", "Array 'centres': Its header");
}

TEST(Npz, that_unpacks_to_more_than_the_limit_is_refused) {
    const Content deflated = written_by_numpy("forest-deflated");
    std::size_t unpacked = 0;
    for (const auto& [name, array] : parse_npz(deflated)) unpacked += 128 + array.bytes.size();  // NumPy's header

    EXPECT_EQ(parse_npz(deflated, unpacked).size(), 8U);
    test::expect_error<BundleError>([&] { (void)parse_npz(deflated, unpacked - 1); }, "Its arrays have over 1,1");
}

class DamagedNpz : public testing::TestWithParam<const char*> {};

TEST_P(DamagedNpz, that_is_cut_is_refused_at_every_byte) {
    const Content whole = written_by_numpy(GetParam());
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_THROW(parse_npz(Bytes(whole).first(length)), BundleError) << length;
    }
}

TEST_P(DamagedNpz, with_a_bit_flipped_never_gives_other_numbers) {
    const Content whole = written_by_numpy(GetParam());
    const Npz expected = parse_npz(whole);
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        Content flipped = whole;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << bit % 8));
        try {
            EXPECT_EQ(parse_npz(flipped), expected) << bit;  // in a time or an attribute
        } catch (const BundleError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, whole.size() * 4);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DamagedNpz, testing::Values("forest", "forest-deflated"));

}  // namespace
}  // namespace saccade::classify
