#include "saccade/classifier.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <openvino/openvino.hpp>
#include <openvino/opsets/opset13.hpp>
#include <set>
#include <string>
#include <thread>

#include "encode.hpp"
#include "saccade/openvino_engine.hpp"

namespace saccade {
namespace {

namespace op = ov::opset13;

constexpr float kTolerance = 1e-6F;
constexpr Size kSize{2, 3};
const std::vector<std::string> kLines{"decode", "resize(2,3)"};

/// A network whose logits are the first pixel of the first row, and whose features are the mean colour.
std::shared_ptr<ov::Model> first_pixel_network() {
    const auto indices = [](const std::vector<std::int64_t>& values) {
        return op::Constant::create(ov::element::i64, ov::Shape{values.size()}, values);
    };
    const auto pixels = std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{-1, 3, 2, 3});
    const auto corner =
        std::make_shared<op::Slice>(pixels, indices({0, 0}), indices({1, 1}), indices({1, 1}), indices({2, 3}));
    const auto logits = std::make_shared<op::Squeeze>(corner, indices({2, 3}));
    const auto features = std::make_shared<op::ReduceMean>(pixels, indices({2, 3}), false);
    return std::make_shared<ov::Model>(ov::OutputVector{logits, features}, ov::ParameterVector{pixels});
}

/// The network above with its pixels quantised to 0, 1 / 255, ... 1: the values that pixels have.
std::shared_ptr<ov::Model> quantised_network() {
    const std::shared_ptr<ov::Model> network = first_pixel_network();
    const auto number = [](float value) { return op::Constant::create(ov::element::f32, ov::Shape{}, {value}); };
    const ov::Output<ov::Node> pixels = network->input();
    const std::set<ov::Input<ov::Node>> readers = pixels.get_target_inputs();
    const auto levels = std::make_shared<op::FakeQuantize>(pixels, number(0), number(1), number(0), number(1), 256);
    for (const ov::Input<ov::Node>& reader : readers) reader.replace_source_output(levels);
    return network;
}

/// The network above as a file that is removed with its directory.
class ClassifierTest : public testing::Test {
  protected:
    ClassifierTest() {
        std::string name = (std::filesystem::temp_directory_path() / "saccade-classifier-XXXXXX").string();
        directory_ = mkdtemp(name.data());
        ov::save_model(first_pixel_network(), model(), false);
    }
    ~ClassifierTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string model() const { return (directory_ / "model.xml").string(); }

    [[nodiscard]] std::unique_ptr<Classifier> classifier(Scoring scoring = {},
                                                         Precision precision = Precision::kFloat32) const {
        return std::make_unique<Classifier>(open_openvino(model(), kSize, 2, precision), PreprocessSpec::parse(kLines),
                                            std::move(scoring), Limits{}, 2);
    }

  private:
    std::filesystem::path directory_;
};

using Pixels = std::vector<std::uint8_t>;

/// A 2 x 3 picture: red counts pixels in steps of 51, green is a constant, blue is zero.
Pixels picture(std::uint8_t green) {
    Pixels pixels;
    for (int i = 0; i < 6; ++i) pixels.insert(pixels.end(), {static_cast<std::uint8_t>(i * 51), green, 0});
    return pixels;
}

test::File encoded(const Pixels& pixels) {
    Image image(kSize);
    std::ranges::copy(pixels, image.data().begin());
    return test::encode_png(image);
}

TEST_F(ClassifierTest, pixels_are_normalised_and_go_through_the_network) {
    const Scores scores = classifier()->predict_pixels(picture(255));

    EXPECT_EQ(scores.logits, (std::vector<float>{0, 1, 0}));
    EXPECT_NEAR(scores.features[0], 0.5F, kTolerance);  // mean of 0, 0.2, ... 1
    EXPECT_NEAR(scores.features[1], 1.0F, kTolerance);
    EXPECT_NEAR(scores.probabilities[1], std::exp(1.0F) / (std::exp(1.0F) + 2), kTolerance);
    EXPECT_NEAR(scores.energy[0], -std::log(std::exp(1.0F) + 2), kTolerance);
    EXPECT_TRUE(scores.isolation_forest.empty());
}

TEST_F(ClassifierTest, quantised_model_is_called_int8_and_answers_right) {
    ov::save_model(quantised_network(), model(), false);
    const std::unique_ptr<Classifier> quantised = classifier({}, Precision::kInt8);

    const Scores scores = quantised->predict_pixels(picture(51));

    EXPECT_EQ(quantised->precision(), Precision::kInt8);
    EXPECT_NEAR(scores.logits[1], 0.2F, 1.0F / 255);
}

TEST_F(ClassifierTest, model_without_quantised_layers_cannot_be_int8) {
    const Error error = test::error_of([&] { open_openvino(model(), kSize, 2, Precision::kInt8); });

    EXPECT_EQ(error.code(), Code::kEngine);
    EXPECT_NE(error.message().find("none of its layers is quantised"), std::string::npos) << error.message();
}

TEST_F(ClassifierTest, many_images_go_through_in_passes_and_keep_their_order) {
    constexpr std::size_t kImages = 150;
    Pixels pixels;
    for (std::size_t i = 0; i < kImages; ++i) {
        const Pixels one = picture(static_cast<std::uint8_t>(i));
        pixels.insert(pixels.end(), one.begin(), one.end());
    }

    const Scores scores = classifier()->predict_pixels(pixels);

    for (std::size_t i = 0; i < kImages; ++i) {
        EXPECT_NEAR(scores.logits[3 * i + 1], static_cast<float>(i) / 255, kTolerance) << i;
        EXPECT_NEAR(scores.features[3 * i + 1], static_cast<float>(i) / 255, kTolerance) << i;
    }
}

TEST_F(ClassifierTest, unsure_images_get_the_weighted_mean_of_all_views) {
    // The first pixel's red is 0 / 255 as it is and 102 / 255 = 0.4 mirrored; 0.4 * 3 / (1 + 3) = 0.3.
    const Scoring scoring{.views = {View{}, View{.flip = true, .weight = 3}}, .view_threshold = 2};

    const Scores scores = classifier(scoring)->predict_pixels(picture(51));

    EXPECT_NEAR(scores.logits[0], 0.3F, kTolerance);
    EXPECT_NEAR(scores.logits[1], 0.2F, kTolerance);
    EXPECT_NEAR(scores.energy[0], -std::log(2 + std::exp(0.2F)), kTolerance);  // of the image as it is
}

TEST_F(ClassifierTest, sure_images_are_seen_once) {
    const Scoring scoring{.temperature = 0.1F, .views = {View{}, View{.flip = true}}, .view_threshold = 0.9F};
    Pixels pixels = picture(255);  // logits 0, 1, 0 at temperature 0.1: more than 0.9999 sure
    const Pixels unsure = picture(0);
    pixels.insert(pixels.end(), unsure.begin(), unsure.end());

    const Scores scores = classifier(scoring)->predict_pixels(pixels);

    EXPECT_NEAR(scores.logits[0], 0.0F, kTolerance);
    EXPECT_NEAR(scores.logits[3], 0.2F, kTolerance);
}

TEST_F(ClassifierTest, views_can_be_left_out) {
    const Scoring scoring{.views = {View{}, View{.flip = true}}, .view_threshold = 2};

    EXPECT_NEAR(classifier(scoring)->predict_pixels(picture(0), Views::kPlainOnly).logits[0], 0.0F, kTolerance);
}

TEST_F(ClassifierTest, more_views_than_a_pass_holds_are_all_counted) {
    std::vector<View> views(100, View{.flip = true});
    views.front() = View{};
    const Scoring scoring{.views = views, .view_threshold = 2};

    EXPECT_NEAR(classifier(scoring)->predict_pixels(picture(0)).logits[0], 0.4F * 99 / 100, kTolerance);
}

TEST_F(ClassifierTest, bad_image_has_its_own_error_and_harms_no_neighbour) {
    const test::File first = encoded(picture(255));
    const test::File bad{'n', 'o', ' ', 'i', 'm', 'a', 'g', 'e'};
    const test::File last = encoded(picture(0));
    const std::vector<Bytes> images{first, bad, last};

    const std::vector<Answer> answers = classifier({.ood_threshold = -1.2F})->predict(images);

    EXPECT_FALSE(answers[0].error);
    EXPECT_EQ(answers[0].label, 1);
    EXPECT_EQ(answers[0].size, kSize);
    EXPECT_FALSE(answers[0].is_ood);  // energy -log(e + 2) = -1.55
    ASSERT_TRUE(answers[1].error);
    EXPECT_EQ(answers[1].error->code(), Code::kUnknownFormat);
    EXPECT_FALSE(answers[2].error);
    EXPECT_TRUE(answers[2].is_ood);  // energy -log(3) = -1.10
}

TEST_F(ClassifierTest, times_of_an_answer_are_positive_and_add_up_to_less_than_the_call) {
    const test::File good = encoded(picture(255));
    const test::File bad{'n', 'o', ' ', 'i', 'm', 'a', 'g', 'e'};
    const std::vector<Bytes> images{good, bad, good};
    Classifier one_thread(open_openvino(model(), kSize, 1, Precision::kFloat32), PreprocessSpec::parse(kLines),
                          {.views = {View{}, View{.flip = true}}}, Limits{}, 1);

    const auto started = std::chrono::steady_clock::now();
    const std::vector<Answer> answers = one_thread.predict(images);
    const std::chrono::duration<double> call = std::chrono::steady_clock::now() - started;

    double prepare_seconds = 0;
    for (const Answer& answer : answers) {
        EXPECT_GT(answer.prepare_seconds, 0);
        prepare_seconds += answer.prepare_seconds;
    }
    EXPECT_GT(answers[0].infer_seconds, 0);
    EXPECT_EQ(answers[0].infer_seconds, answers[2].infer_seconds);
    EXPECT_LE(prepare_seconds + answers[0].infer_seconds, call.count());
}

TEST_F(ClassifierTest, batch_of_bad_images_and_an_empty_batch_are_answered) {
    const test::File bad{'x'};
    const std::vector<Bytes> images{bad, Bytes{}};

    const std::vector<Answer> answers = classifier()->predict(images);

    EXPECT_TRUE(answers[0].error && answers[1].error);
    EXPECT_TRUE(classifier()->predict({}).empty());
}

TEST_F(ClassifierTest, threads_that_share_a_classifier_get_their_own_answers) {
    const std::unique_ptr<Classifier> shared = classifier({.views = {View{}, View{.flip = true}}, .view_threshold = 2});
    const auto check = [&shared](std::uint8_t green) {
        const test::File file = encoded(picture(green));
        const std::vector<Bytes> images(5, file);
        for (int round = 0; round < 20; ++round) {
            for (const Answer& answer : shared->predict(images)) {
                EXPECT_NEAR(answer.features[1], static_cast<float>(green) / 255, kTolerance);
            }
        }
    };
    std::vector<std::jthread> threads;
    for (const int green : {0, 80, 160, 240}) threads.emplace_back(check, static_cast<std::uint8_t>(green));
}

TEST_F(ClassifierTest, forest_of_another_network_is_refused) {
    const IsolationForest forest({.features = 2,
                                  .centres = {1, 0},
                                  .roots = {0},
                                  .feature = {-1},
                                  .threshold = {0},
                                  .left = {0},
                                  .right = {0},
                                  .path_length = {1}});

    const Error error = test::error_of([&] { static_cast<void>(classifier({.forest = forest})); });
    EXPECT_EQ(error.code(), Code::kSpec);
    EXPECT_NE(error.message().find("takes 2 features, the model gives 3"), std::string::npos) << error.message();
}

TEST_F(ClassifierTest, engine_of_another_size_than_the_specification_is_refused) {
    const Error error = test::error_of([&] {
        Classifier(open_openvino(model(), kSize, 2, Precision::kFloat32),
                   PreprocessSpec::parse(std::vector<std::string>{"decode", "resize(9,8)"}), {});
    });
    EXPECT_EQ(error.code(), Code::kSpec);
    EXPECT_NE(error.message().find("9 x 8 pixels, the engine takes 2 x 3"), std::string::npos) << error.message();
}

TEST_F(ClassifierTest, files_that_are_no_such_network_are_engine_errors_without_the_engines_own_words) {
    const auto message_of = [](const std::string& file, Size size) {
        const Error error = test::error_of([&] { open_openvino(file, size, 0, Precision::kFloat32); });
        EXPECT_EQ(error.code(), Code::kEngine);
        EXPECT_EQ(error.message().find("Exception"), std::string::npos) << error.message();
        return error.message();
    };
    EXPECT_NE(message_of(model() + ".not", kSize).find("missing or damaged"), std::string::npos);
    EXPECT_NE(message_of(model(), {9, 9}).find("(N, 3, 9, 9)"), std::string::npos);
    std::ofstream(model()) << "<?xml version=\"1.0\"?><net/>";
    EXPECT_NE(message_of(model(), kSize).find("(N, 3, 2, 3)"), std::string::npos);
    std::ofstream(model()) << "no network";
    EXPECT_NE(message_of(model(), kSize).find("missing or damaged"), std::string::npos);
}

}  // namespace
}  // namespace saccade
