#include "lines.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace saccade::classify {
namespace {

using Json = nlohmann::json;

Bundle colours() {
    Bundle bundle;
    bundle.name = "colours";
    bundle.version = "7";
    bundle.classes = {"blue", "green"};
    bundle.ood_detector = "energy";
    bundle.ood_threshold = 0.1;
    return bundle;
}

Answer green() {
    Answer answer;
    answer.label = 1;
    answer.probabilities = {0.125F, 0.875F};
    answer.top_k = {{1, 0.875F}, {0, 0.125F}};
    answer.ood_score = -1.5F;
    answer.energy = -1.5F;
    return answer;
}

TEST(Lines, in_words_hold_label_and_probability) {
    EXPECT_EQ(text_line("a b.jpg", green(), colours()), "a b.jpg: green (87.5%)");
}

TEST(Lines, in_words_say_what_is_unlike_the_training_data) {
    Answer answer = green();
    answer.is_ood = true;
    EXPECT_EQ(text_line("a.jpg", answer, colours()), "a.jpg: green (87.5%, unlike the training data)");
}

TEST(Lines, in_words_hold_the_reason_of_a_refusal) {
    EXPECT_EQ(text_line("a.jpg", {"truncated", "It stops."}), "a.jpg: It stops.");
}

TEST(Lines, in_json_hold_every_field) {
    const std::string line = json_line("a.jpg", green(), colours());
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(Json::parse(line), Json::parse(R"({
        "path": "a.jpg", "label": "green", "probability": 0.875,
        "top_k": [{"label": "green", "probability": 0.875}, {"label": "blue", "probability": 0.125}],
        "ood": {"score": -1.5, "threshold": 0.1, "is_ood": false, "detector": "energy", "scores": {"energy": -1.5}},
        "model": {"name": "colours", "version": "7"}})"));
}

TEST(Lines, in_json_hold_the_forests_score_where_there_is_one) {
    Answer answer = green();
    answer.isolation_forest = 0.5F;
    const Json scores = Json::parse(json_line("a.jpg", answer, colours()))["ood"]["scores"];
    EXPECT_EQ(scores, (Json{{"energy", -1.5}, {"isolation_forest", 0.5}}));
}

TEST(Lines, in_json_hold_code_and_message_of_a_refusal) {
    EXPECT_EQ(Json::parse(json_line("a.jpg", {"truncated", "It stops."})),
              Json::parse(R"({"path": "a.jpg", "error": {"code": "truncated", "message": "It stops."}})"));
}

TEST(Lines, in_json_survive_paths_of_any_bytes) {
    EXPECT_EQ(Json::parse(json_line("\xff\n\"", {"a", "b"}))["path"], "\xef\xbf\xbd\n\"");
}

}  // namespace
}  // namespace saccade::classify
