#include "bundle.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle_error.hpp"
#include "digest.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace saccade::classify {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A bundle whose engine is never opened.
class BundleTest : public testing::Test {
  protected:
    BundleTest() {
        folder_.write("model.xml", "<net/>");
        folder_.write("golden/answers.json", "[]");
        fs::copy_file(fs::path(SACCADE_NPZ_FOLDER) / "forest.npz", path() / "ood.npz");
        document_ = {{"name", "colours"},
                     {"version", "7"},
                     {"architecture", "by hand"},
                     {"classes", {"blue", "green"}},
                     {"preprocess", {"decode", "resize(16,16)"}},
                     // sha256sum of the two canonical lines, a newline between them.
                     {"preprocess_hash", "3cc7cecb0afd98e9dfcd43a0130907074d49aab9f4fb8a4b31dd38df42d7e35b"},
                     {"engine", {{"kind", "openvino"}, {"precision", "f32"}}},
                     {"scoring", {{"ood_detector", "isolation_forest"}, {"ood_threshold", 0.1}}},
                     {"dataset_id", ""},
                     {"code_version", ""},
                     {"metrics", Json::object()},
                     {"format_version", 1}};
    }

    [[nodiscard]] const fs::path& path() const { return folder_.path(); }
    [[nodiscard]] const test::TemporaryFolder& folder() const { return folder_; }
    [[nodiscard]] Json& document() { return document_; }

    /// Writes bundle.json with the digests of the files that are there.
    void describe() {
        document_["files"] = file_digests(path());
        folder_.write("bundle.json", document_.dump());
    }

    void expect_refused(const std::string& words) const {
        test::expect_error<BundleError>([&] { (void)read_bundle(path()); }, words);
    }

  private:
    test::TemporaryFolder folder_;
    Json document_;
};

TEST_F(BundleTest, that_is_whole_is_read) {
    describe();
    const Bundle bundle = read_bundle(path());
    EXPECT_EQ(bundle.name, "colours");
    EXPECT_EQ(bundle.version, "7");
    EXPECT_EQ(bundle.classes, (std::vector<std::string>{"blue", "green"}));
    EXPECT_EQ(bundle.spec.size(), (Size{16, 16}));
    EXPECT_EQ(bundle.precision, Precision::kFloat32);
    EXPECT_EQ(bundle.scoring.forest->features(), 2U);
    EXPECT_EQ(bundle.ood_detector, "isolation_forest");
    EXPECT_DOUBLE_EQ(bundle.ood_threshold, 0.1);
    EXPECT_EQ(bundle.model(), (path() / "model.xml").string());
    EXPECT_TRUE(bundle.files.contains("golden/answers.json"));
}

TEST_F(BundleTest, without_a_description_is_refused) {
    expect_refused("has no bundle.json. Point to a directory that Saccade wrote.");
}

TEST_F(BundleTest, whose_description_is_not_json_is_refused) {
    for (const char* text : {"", "{", "{\"name\": \"\xff\"}", "not JSON"}) {
        folder().write("bundle.json", text);
        expect_refused("bundle.json' is not JSON: ");
    }
}

TEST_F(BundleTest, of_another_format_is_refused) {
    for (const char* text : {"[]", "1", "{}", "{\"format_version\": 2}", "{\"format_version\": \"1\"}"}) {
        folder().write("bundle.json", text);
        expect_refused("has format version ");
    }
}

TEST_F(BundleTest, with_an_unknown_key_is_refused_by_name) {
    document()["colour"] = "red";
    describe();
    expect_refused("has the unknown key 'colour'");
}

TEST_F(BundleTest, without_one_of_its_keys_is_refused_by_name) {
    describe();
    const Json whole = document();
    for (const auto& [key, value] : whole.items()) {
        if (key == "format_version") continue;
        document() = whole;
        document().erase(key);
        folder().write("bundle.json", document().dump());
        expect_refused("is incomplete: it lacks '" + key + "'");
    }
}

TEST_F(BundleTest, with_a_value_of_another_type_is_refused) {
    describe();
    const Json whole = document();
    for (const char* key :
         {"name", "version", "classes", "preprocess", "preprocess_hash", "files", "engine", "scoring"}) {
        document() = whole;
        document()[key] = 5;
        folder().write("bundle.json", document().dump());
        EXPECT_THROW(read_bundle(path()), BundleError) << key;
    }
}

TEST_F(BundleTest, whose_files_were_altered_removed_or_added_is_refused_by_name) {
    describe();
    folder().write("model.xml", "<net></net>");
    expect_refused("was altered in model.xml. Copy the whole bundle again.");
    folder().write("golden/more.image", "");
    expect_refused("holds golden/more.image, which its maker did not write.");
    fs::remove(path() / "ood.npz");
    fs::remove(path() / "model.xml");
    expect_refused("lacks model.xml, ood.npz. Copy the whole bundle again.");
}

TEST_F(BundleTest, that_prepares_images_otherwise_is_refused) {
    document()["preprocess_hash"] = std::string(64, '0');
    describe();
    expect_refused("was made with preprocessing 000000000000, this version prepares images as 3cc7cecb0afd");
}

TEST_F(BundleTest, with_an_unknown_preprocessing_is_refused) {
    document()["preprocess"].push_back("blur(3)");
    describe();
    expect_refused("has a preprocessing that this version does not know: Step 'blur(3)'");
}

TEST_F(BundleTest, with_a_damaged_forest_is_refused) {
    folder().write("ood.npz", "PK");
    describe();
    expect_refused("ood.npz' is damaged. It is not a whole .npz file");
}

TEST_F(BundleTest, whose_forest_runs_in_circles_is_refused) {
    fs::copy_file(fs::path(SACCADE_NPZ_FOLDER) / "circle.npz", path() / "ood.npz",
                  fs::copy_options::overwrite_existing);
    describe();
    expect_refused("child out of place");
}

}  // namespace
}  // namespace saccade::classify
