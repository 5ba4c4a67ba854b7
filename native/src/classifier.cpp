#include "saccade/classifier.hpp"

#include <algorithm>
#include <string>

#include "saccade/normalize.hpp"
#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

/// Images that go through the engine at once: more gain nothing, and memory stays bounded whatever the caller sends.
constexpr std::size_t kChunk = 64;

template <typename Value>
std::span<Value> rows(std::vector<Value>& values, std::size_t first, std::size_t count, std::size_t width) {
    return std::span(values).subspan(first * width, count * width);
}

Scores empty_scores(std::size_t count, std::size_t classes, std::size_t features, bool has_forest) {
    Scores scores;
    scores.logits.resize(count * classes);
    scores.probabilities.resize(count * classes);
    scores.features.resize(count * features);
    scores.energy.resize(count);
    scores.isolation_forest.resize(has_forest ? count : 0);
    scores.ood_score.resize(count);
    scores.is_ood.resize(count);
    return scores;
}

template <typename Value>
std::vector<Value> row(const std::vector<Value>& values, std::size_t index, std::size_t width) {
    const auto start = values.begin() + static_cast<std::ptrdiff_t>(index * width);
    return {start, start + static_cast<std::ptrdiff_t>(width)};
}

}  // namespace

Classifier::Classifier(const std::string& model, PreprocessSpec spec, Scoring scoring, Limits limits, unsigned threads,
                       Precision precision)
    : spec_(std::move(spec)),
      scoring_(std::move(scoring)),
      limits_(limits),
      threads_(threads),
      engine_(model, spec_.size(), threads, precision) {
    scoring_.check();
    if (scoring_.forest && scoring_.forest->features() != engine_.features()) {
        throw Error(Code::kSpec, "The isolation forest takes " + std::to_string(scoring_.forest->features()) +
                                     " features, the model gives " + std::to_string(engine_.features()) +
                                     ". Evaluate again to make the bundle whole.");
    }
}

std::vector<Answer> Classifier::predict(std::span<const Bytes> images) {
    const std::size_t bytes = spec_.size().bytes();
    std::vector<std::uint8_t> pixels(images.size() * bytes);
    std::vector<ImageInfo> infos = prepare(images, spec_, pixels, limits_, threads_);
    std::size_t good = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].error) continue;
        if (good != i) std::copy_n(pixels.data() + i * bytes, bytes, pixels.data() + good * bytes);
        ++good;
    }
    const Scores scores = predict_pixels(std::span(pixels).first(good * bytes));
    std::vector<Answer> answers(images.size());
    std::size_t scored = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        Answer& answer = answers[i];
        if (infos[i].error) {
            answer.error = std::move(infos[i].error);
            continue;
        }
        answer.size = infos[i].size;
        answer.statistics = infos[i].statistics;
        answer.probabilities = row(scores.probabilities, scored, classes());
        answer.top_k = top_classes(answer.probabilities, scoring_.top_k);
        answer.label = answer.top_k.front().first;
        answer.features = row(scores.features, scored, features());
        answer.energy = scores.energy[scored];
        if (scoring_.forest) answer.isolation_forest = scores.isolation_forest[scored];
        answer.ood_score = scores.ood_score[scored];
        answer.is_ood = scores.is_ood[scored] != 0;
        ++scored;
    }
    return answers;
}

Scores Classifier::predict_pixels(std::span<const std::uint8_t> pixels) {
    const std::size_t bytes = spec_.size().bytes();
    if (pixels.size() % bytes != 0) {
        throw Error(Code::kArgument, "The pixels hold " + std::to_string(pixels.size()) +
                                         " bytes, which is no whole number of images of " + std::to_string(bytes) +
                                         ". Pass (N, H, W, 3) uint8.");
    }
    const std::size_t count = pixels.size() / bytes;
    Scores scores = empty_scores(count, classes(), features(), scoring_.forest.has_value());
    const std::lock_guard lock(mutex_);
    for (std::size_t first = 0; first < count; first += kChunk) {
        const std::size_t size = std::min(kChunk, count - first);
        score_chunk(pixels.subspan(first * bytes, size * bytes), first, scores);
    }
    return scores;
}

void Classifier::score_chunk(std::span<const std::uint8_t> pixels, std::size_t first, Scores& scores) {
    const std::size_t values = spec_.size().bytes();  // of one image; bytes as uint8, elements as float32
    const std::size_t count = pixels.size() / values;
    planes_.resize(count * values);
    normalize(pixels, spec_, planes_, threads_);
    const std::span<float> logits = rows(scores.logits, first, count, classes());
    engine_.infer(planes_, count, logits, rows(scores.features, first, count, features()));
    const std::vector<std::size_t> unsure = unsure_images(logits);
    if (!unsure.empty()) average_views(unsure, logits);
    parallel_for(count, threads_, [&](std::size_t i) { score_image(first + i, scores); });
}

std::vector<std::size_t> Classifier::unsure_images(std::span<const float> logits) const {
    std::vector<std::size_t> unsure;
    if (scoring_.views.size() < 2) return unsure;
    std::vector<float> probabilities(classes());
    for (std::size_t i = 0; i < logits.size() / classes(); ++i) {
        softmax(logits.subspan(i * classes(), classes()), scoring_.temperature, probabilities);
        if (*std::ranges::max_element(probabilities) < scoring_.view_threshold) unsure.push_back(i);
    }
    return unsure;
}

void Classifier::average_views(std::span<const std::size_t> unsure, std::span<float> logits) {
    const std::size_t values = spec_.size().bytes();
    view_planes_.resize(unsure.size() * values);
    view_logits_.resize(unsure.size() * classes());
    float total = scoring_.views.front().weight;
    for (const std::size_t image : unsure) {
        for (float& logit : logits.subspan(image * classes(), classes())) logit *= total;
    }
    for (const View& view : std::span(scoring_.views).subspan(1)) {
        parallel_for(unsure.size(), threads_, [&](std::size_t i) {
            take_view(std::span(planes_).subspan(unsure[i] * values, values), spec_.size(), view,
                      rows(view_planes_, i, 1, values));
        });
        engine_.infer(view_planes_, unsure.size(), view_logits_, {});
        for (std::size_t i = 0; i < unsure.size(); ++i) {
            const std::span<float> sum = logits.subspan(unsure[i] * classes(), classes());
            for (std::size_t k = 0; k < classes(); ++k) sum[k] += view.weight * view_logits_[i * classes() + k];
        }
        total += view.weight;
    }
    for (const std::size_t image : unsure) {
        for (float& logit : logits.subspan(image * classes(), classes())) logit /= total;
    }
}

void Classifier::score_image(std::size_t image, Scores& scores) const {
    const auto logits = std::span<const float>(scores.logits).subspan(image * classes(), classes());
    softmax(logits, scoring_.temperature, rows(scores.probabilities, image, 1, classes()));
    scores.energy[image] = energy(logits, scoring_.temperature);
    if (scoring_.forest) {
        const auto own = std::span<const float>(scores.features).subspan(image * features(), features());
        scores.isolation_forest[image] = static_cast<float>(scoring_.forest->score(own));
    }
    const bool forest_decides = scoring_.ood_detector == OodDetector::kIsolationForest;
    scores.ood_score[image] = forest_decides ? scores.isolation_forest[image] : scores.energy[image];
    scores.is_ood[image] = scores.ood_score[image] > scoring_.ood_threshold ? 1 : 0;
}

}  // namespace saccade
