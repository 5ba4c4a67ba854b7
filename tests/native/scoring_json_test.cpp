#include "scoring_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "bundle_error.hpp"
#include "expect_error.hpp"

namespace saccade::classify {
namespace {

Scoring scoring(const std::string& text) {
    return parse_scoring(nlohmann::json::parse(text));
}

void expect_refused(const std::string& text, const std::string& words) {
    test::expect_error<BundleError>([&] { (void)scoring(text); }, words);
}

TEST(ScoringJson, holds_every_value) {
    const Scoring parsed = scoring(R"({"temperature": 0.5, "top_k": 3, "view_threshold": 1, "ood_threshold": -2.5,
        "ood_detector": "isolation_forest", "views": [{}, {"flip": true, "dy": -2, "dx": 1, "weight": 0.25}]})");
    EXPECT_FLOAT_EQ(parsed.temperature, 0.5F);
    EXPECT_EQ(parsed.top_k, 3);
    EXPECT_FLOAT_EQ(parsed.view_threshold, 1.0F);
    EXPECT_FLOAT_EQ(parsed.ood_threshold, -2.5F);
    EXPECT_EQ(parsed.ood_detector, OodDetector::kIsolationForest);
    ASSERT_EQ(parsed.views.size(), 2U);
    EXPECT_FALSE(parsed.views[0].flip);
    EXPECT_TRUE(parsed.views[1].flip);
    EXPECT_EQ(parsed.views[1].dy, -2);
    EXPECT_EQ(parsed.views[1].dx, 1);
    EXPECT_FLOAT_EQ(parsed.views[1].weight, 0.25F);
}

TEST(ScoringJson, that_says_nothing_has_the_defaults) {
    const Scoring parsed = scoring("{}");
    EXPECT_FLOAT_EQ(parsed.temperature, 1.0F);
    EXPECT_EQ(parsed.ood_detector, OodDetector::kEnergy);
    EXPECT_EQ(parsed.views.size(), 1U);
}

TEST(ScoringJson, of_another_type_is_refused_by_name) {
    expect_refused("[]", "The scoring's document is []");
    expect_refused(R"({"temperature": true})", "The scoring's temperature is true");
    expect_refused(R"({"temperature": "1"})", "The scoring's temperature is \"1\"");
    expect_refused(R"({"temperature": 1e300})", "The scoring's temperature is 1e+300");
    expect_refused(R"({"top_k": 2.5})", "The scoring's top_k is 2.5");
    expect_refused(R"({"top_k": 4294967297})", "The scoring's top_k is 4294967297");
    expect_refused(R"({"top_k": 18446744073709551615})", "The scoring's top_k is 18446744073709551615");
    expect_refused(R"({"top_k": -4294967297})", "The scoring's top_k is -4294967297");
    expect_refused(R"({"ood_detector": "guess"})", "The scoring's ood_detector is \"guess\"");
    expect_refused(R"({"views": {}})", "The scoring's views is {}");
    expect_refused(R"({"views": [1]})", "The scoring's views is 1");
    expect_refused(R"({"views": [{"flip": 1}]})", "The scoring's flip is 1");
}

TEST(ScoringJson, of_an_unknown_key_is_refused_by_name) {
    expect_refused(R"({"sharpness": 2})", "The scoring has the key 'sharpness'");
    expect_refused(R"({"forest": {}})", "The scoring has the key 'forest'");
    expect_refused(R"({"views": [{"turn": 90}]})", "The scoring has the key 'turn'");
}

TEST(EngineJson, names_the_precision) {
    EXPECT_EQ(parse_engine({{"kind", "openvino"}, {"precision", "f32"}}), Precision::kFloat32);
    EXPECT_EQ(parse_engine({{"kind", "openvino"}, {"precision", "int8"}}), Precision::kInt8);
    EXPECT_EQ(parse_engine({{"kind", "openvino"}, {"precision", "bf16"}, {"more", 1}}), Precision::kBfloat16);
}

TEST(EngineJson, of_another_kind_is_refused) {
    using Json = nlohmann::json;
    for (const Json& other :
         {Json(1), Json::object(), Json{{"kind", "openvino"}}, Json{{"precision", "f32"}},
          Json{{"kind", "other"}, {"precision", "f32"}}, Json{{"kind", "openvino"}, {"precision", "int4"}}}) {
        test::expect_error<BundleError>([&] { (void)parse_engine(other); },
                                        "The bundle has the engine " + other.dump());
    }
}

}  // namespace
}  // namespace saccade::classify
