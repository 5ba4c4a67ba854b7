#include "digest.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "bundle_error.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace saccade::classify {
namespace {

// FIPS 180-2, appendix B.1; and of nothing.
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// FIPS 180-2, appendix B.3: of a million times 'a', which is more than one block of reading.
constexpr const char* kOfMillion = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Digest, of_a_text_is_that_of_the_standard) {
    EXPECT_EQ(sha256("abc"), kOfAbc);
    EXPECT_EQ(sha256(""), kOfNothing);
}

TEST(Digest, of_files_below_a_folder_leaves_out_the_description) {
    const test::TemporaryFolder folder;
    folder.write("bundle.json", "{}");
    folder.write("long", std::string(1'000'000, 'a'));
    folder.write("golden/0.image", "abc");
    folder.write("golden/.hidden", "");
    folder.write("golden/bundle.json", "abc");

    const std::map<std::string, std::string> expected{{"golden/.hidden", kOfNothing},
                                                      {"golden/0.image", kOfAbc},
                                                      {"golden/bundle.json", kOfAbc},
                                                      {"long", kOfMillion}};
    EXPECT_EQ(file_digests(folder.path()), expected);
}

TEST(Digest, follows_links_to_files_and_not_to_folders) {
    const test::TemporaryFolder folder;
    folder.write("elsewhere/file", "abc");
    std::filesystem::create_directory(folder.path() / "bundle");
    std::filesystem::create_symlink(folder.path() / "elsewhere" / "file", folder.path() / "bundle" / "file");
    std::filesystem::create_directory_symlink(folder.path() / "elsewhere", folder.path() / "bundle" / "folder");
    std::filesystem::create_symlink("nowhere", folder.path() / "bundle" / "broken");

    EXPECT_EQ(file_digests(folder.path() / "bundle"), (std::map<std::string, std::string>{{"file", kOfAbc}}));
}

TEST(Digest, of_a_folder_that_is_not_there_is_refused) {
    test::expect_error<BundleError>([] { (void)file_digests("/nothing/here"); }, "'/nothing/here' cannot be read");
}

}  // namespace
}  // namespace saccade::classify
