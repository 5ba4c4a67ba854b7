#include "saccade/engine_module.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <vector>

#include "encode.hpp"
#include "saccade/thread_pool.hpp"

namespace saccade {
namespace {

constexpr Size kSize{1, 2};

std::unique_ptr<Engine> open_test_engine(const std::string& model) {
    return open_engine_module(test_engine_path, model, kSize, 5);
}

/// The reason for which the call is refused, as an engine error.
template <typename Call>
std::string refusal(Call&& call) {
    const Error error = test::error_of(std::forward<Call>(call));
    EXPECT_EQ(error.code(), Code::kEngine);
    return error.message();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(EngineModuleTest, batch_goes_through_the_module_and_comes_back) {
    const std::vector<float> images{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    std::vector<float> logits(6);
    std::vector<float> features(4);

    open_test_engine("good")->infer(images, 2, logits, features);

    EXPECT_EQ(logits, (std::vector<float>{0, 5, 5, 6, 11, 5}));
    EXPECT_EQ(features, (std::vector<float>{2, 12, 2, 12}));
}

TEST(EngineModuleTest, features_can_be_left_out) {
    const std::vector<float> images(6);
    std::vector<float> logits(3);

    open_test_engine("good")->infer(images, 1, logits, {});

    EXPECT_EQ(logits, (std::vector<float>{0, 0, 5}));
}

TEST(EngineModuleTest, engine_tells_what_the_module_told) {
    const std::unique_ptr<Engine> engine = open_test_engine("good");

    EXPECT_EQ(engine->classes(), 3U);
    EXPECT_EQ(engine->features(), 2U);
    EXPECT_EQ(engine->size(), kSize);
    EXPECT_EQ(engine->precision(), Precision::kFloat32);
    EXPECT_EQ(open_test_engine("bfloat16")->precision(), Precision::kBfloat16);
}

TEST(EngineModuleTest, zero_threads_are_every_processor) {
    const std::vector<float> images(6);
    std::vector<float> logits(3);

    open_engine_module(test_engine_path, "good", kSize, 0)->infer(images, 1, logits, {});

    EXPECT_EQ(logits[2], static_cast<float>(available_processors()));
}

TEST(EngineModuleTest, engines_are_closed_with_their_owner) {
    auto* const library = dlopen(test_engine_path, RTLD_NOW | RTLD_LOCAL);
    auto* const open_engines = reinterpret_cast<int (*)()>(dlsym(library, "test_open_engines"));
    ASSERT_NE(open_engines, nullptr);
    {
        const std::unique_ptr<Engine> one = open_test_engine("good");
        const std::unique_ptr<Engine> other = open_test_engine("good");
        EXPECT_EQ(open_engines(), 2);
    }
    EXPECT_EQ(open_engines(), 0);
}

TEST(EngineModuleTest, library_that_does_not_load_is_refused_with_the_reason) {
    const std::string message = refusal([] { open_engine_module("/no/such.so", "good", kSize, 1); });

    EXPECT_TRUE(contains(message, "'/no/such.so' does not load")) << message;
    EXPECT_TRUE(contains(message, "No such file")) << message;
}

TEST(EngineModuleTest, library_without_the_functions_is_refused_by_the_one_it_lacks) {
    const std::string message = refusal([] { open_engine_module(no_engine_path, "good", kSize, 1); });

    EXPECT_TRUE(contains(message, "lacks 'saccade_engine_abi_version'")) << message;
}

TEST(EngineModuleTest, module_of_another_version_is_refused_with_both_versions) {
    const std::string message = refusal([] { open_engine_module(later_engine_path, "good", kSize, 1); });

    EXPECT_TRUE(contains(message, "version 2")) << message;
    EXPECT_TRUE(contains(message, "version 1")) << message;
}

TEST(EngineModuleTest, model_that_the_module_refuses_is_refused_with_its_reason) {
    EXPECT_EQ(refusal([] { open_test_engine("throws"); }), "the test model throws");
    EXPECT_TRUE(contains(refusal([] { open_test_engine("throws no exception"); }), "no exception"));
    EXPECT_TRUE(contains(refusal([] { open_test_engine("throws an empty text"); }), "without a reason"));
}

TEST(EngineModuleTest, reason_that_is_too_long_is_cut) {
    EXPECT_EQ(refusal([] { open_test_engine("throws a long text"); }), std::string(1023, 'x'));
}

TEST(EngineModuleTest, failure_in_a_batch_is_an_engine_error_with_the_modules_reason) {
    const std::unique_ptr<Engine> engine = open_test_engine("fails later");
    const std::vector<float> images(6);
    std::vector<float> logits(3);

    EXPECT_EQ(refusal([&] { engine->infer(images, 1, logits, {}); }), "the test model fails later");
}

}  // namespace
}  // namespace saccade
