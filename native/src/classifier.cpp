#include "saccade/classifier.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

/// More images at once gain nothing (custom_cnn at 32 px: 256 are as fast as 64), and fewer large ones keep a network's
/// activations below a few hundred MB.
constexpr std::size_t kMostImages = 64;
constexpr std::size_t kMostPixels = std::size_t{16} * 224 * 224;

std::size_t images_of_a_pass(Size size) {
    return std::clamp(kMostPixels / size.pixels(), std::size_t{1}, kMostImages);
}

/// Row `index` of a matrix of `width` columns.
template <typename Value>
std::span<Value> row(std::span<Value> matrix, std::size_t index, std::size_t width) {
    return matrix.subspan(index * width, width);
}

std::vector<float> copied_row(const std::vector<float>& matrix, std::size_t index, std::size_t width) {
    const std::span<const float> values = row(std::span(matrix), index, width);
    return {values.begin(), values.end()};
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point started) {
    return std::chrono::duration<double>(Clock::now() - started).count();
}

std::string text_of(Size size) {
    return std::to_string(size.height) + " x " + std::to_string(size.width);
}

void normalize_weights(std::span<View> views) {
    float total = 0;
    for (const View& view : views) total += view.weight;
    for (View& view : views) view.weight /= total;
}

}  // namespace

Classifier::Classifier(std::unique_ptr<Engine> engine, PreprocessSpec spec, Scoring scoring, Limits limits,
                       unsigned threads)
    : spec_(std::move(spec)),
      scoring_(std::move(scoring)),
      limits_(limits),
      threads_(threads),
      engine_(std::move(engine)),
      writer_(spec_, {DataType::kFloat32, Layout::kNchw}),
      pass_(images_of_a_pass(spec_.size())) {
    if (engine_->size() != spec_.size()) {
        throw Error(Code::kSpec, "The specification prepares images of " + text_of(spec_.size()) +
                                     " pixels, the engine takes " + text_of(engine_->size()) +
                                     ". Use the specification that the network was trained with.");
    }
    scoring_.check(spec_.size());
    normalize_weights(scoring_.views);
    if (scoring_.forest && scoring_.forest->features() != engine_->features()) {
        throw Error(Code::kSpec, "The isolation forest takes " + std::to_string(scoring_.forest->features()) +
                                     " features, the model gives " + std::to_string(engine_->features()) +
                                     ". Evaluate again to make the bundle whole.");
    }
}

std::vector<Answer> Classifier::predict(std::span<const Bytes> images, Views views) {
    std::vector<Answer> answers(images.size());
    for (std::size_t first = 0; first < images.size(); first += pass_) {
        const std::size_t count = std::min(pass_, images.size() - first);
        predict_pass(images.subspan(first, count), views, std::span(answers).subspan(first, count));
    }
    return answers;
}

void Classifier::predict_pass(std::span<const Bytes> images, Views views, std::span<Answer> answers) {
    const std::size_t bytes = spec_.size().bytes();
    std::vector<std::uint8_t> pixels(images.size() * bytes);
    std::vector<ImageInfo> infos(images.size());
    parallel_for(images.size(), threads_, [&](std::size_t i) {
        const Clock::time_point started = Clock::now();
        infos[i] = prepare_image(images[i], spec_, row(std::span(pixels), i, bytes), limits_);
        answers[i].prepare_seconds = seconds_since(started);
    });

    std::size_t good = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].error) continue;
        if (good != i) std::ranges::copy(row(std::span(pixels), i, bytes), row(std::span(pixels), good, bytes).begin());
        ++good;
    }
    const Scores scores = predict_pixels(std::span(pixels).first(good * bytes), views);

    std::size_t scored = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].error) {
            answers[i].error = std::move(infos[i].error);
            continue;
        }
        const double prepare_seconds = answers[i].prepare_seconds;
        answers[i] = answer(scores, scored++);
        answers[i].prepare_seconds = prepare_seconds;
        answers[i].size = infos[i].size;
        answers[i].statistics = infos[i].statistics;
    }
}

Answer Classifier::answer(const Scores& scores, std::size_t image) const {
    Answer answer;
    answer.probabilities = copied_row(scores.probabilities, image, classes());
    answer.top_k = top_classes(answer.probabilities, scoring_.top_k);
    answer.label = answer.top_k.front().first;
    answer.features = copied_row(scores.features, image, features());
    answer.energy = scores.energy[image];
    if (scoring_.forest) answer.isolation_forest = scores.isolation_forest[image];
    answer.ood_score = scores.ood_score[image];
    answer.is_ood = scores.is_ood[image] != 0;
    answer.infer_seconds = scores.infer_seconds;
    return answer;
}

Scores Classifier::predict_pixels(std::span<const std::uint8_t> pixels, Views views) {
    const std::size_t bytes = spec_.size().bytes();
    if (pixels.size() % bytes != 0) {
        throw Error(Code::kArgument, "The pixels hold " + std::to_string(pixels.size()) +
                                         " bytes, which is no whole number of images of " + std::to_string(bytes) +
                                         ". Pass (N, H, W, 3) uint8.");
    }
    const std::size_t count = pixels.size() / bytes;
    Scores scores = new_scores(count);
    for (std::size_t first = 0; first < count; first += pass_) {
        score_pass(pixels.subspan(first * bytes, std::min(pass_, count - first) * bytes), views, first, scores);
    }
    return scores;
}

Scores Classifier::new_scores(std::size_t count) const {
    Scores scores;
    scores.logits.resize(count * classes());
    scores.probabilities.resize(count * classes());
    scores.features.resize(count * features());
    scores.energy.resize(count);
    scores.isolation_forest.resize(scoring_.forest ? count : 0);
    scores.ood_score.resize(count);
    scores.is_ood.resize(count);
    return scores;
}

void Classifier::score_pass(std::span<const std::uint8_t> pixels, Views views, std::size_t first, Scores& scores) {
    const std::size_t count = pixels.size() / spec_.size().bytes();
    const auto logits = std::span(scores.logits).subspan(first * classes(), count * classes());
    const auto probabilities = std::span(scores.probabilities).subspan(first * classes(), count * classes());
    const auto features_of_pass = std::span(scores.features).subspan(first * features(), count * features());

    const std::lock_guard lock(mutex_);
    const Clock::time_point started = Clock::now();
    planes_.resize(pixels.size());
    writer_.write_all(pixels, std::as_writable_bytes(std::span(planes_)), threads_);
    engine_->infer(planes_, count, logits, features_of_pass);
    parallel_for(count, threads_, [&](std::size_t i) { score_plain(first + i, scores); });

    if (views == Views::kWhereUnsure && scoring_.views.size() > 1) take_further_views(logits, probabilities);
    scores.infer_seconds += seconds_since(started);
}

void Classifier::score_plain(std::size_t image, Scores& scores) const {
    const std::span<float> logits = row(std::span(scores.logits), image, classes());
    softmax(logits, scoring_.temperature, row(std::span(scores.probabilities), image, classes()));
    scores.energy[image] = energy(logits, scoring_.temperature);
    if (scoring_.forest) {
        const std::span<float> own = row(std::span(scores.features), image, features());
        scores.isolation_forest[image] = static_cast<float>(scoring_.forest->score(own));
    }
    const bool forest_decides = scoring_.ood_detector == OodDetector::kIsolationForest;
    scores.ood_score[image] = forest_decides ? scores.isolation_forest[image] : scores.energy[image];
    scores.is_ood[image] = scores.ood_score[image] <= scoring_.ood_threshold ? 0 : 1;
}

void Classifier::take_further_views(std::span<float> logits, std::span<float> probabilities) {
    const std::vector<std::size_t> unsure = unsure_images(probabilities);
    average_views(unsure, logits);
    for (const std::size_t i : unsure) {
        softmax(row(logits, i, classes()), scoring_.temperature, row(probabilities, i, classes()));
    }
}

std::vector<std::size_t> Classifier::unsure_images(std::span<const float> probabilities) const {
    std::vector<std::size_t> unsure;
    for (std::size_t i = 0; i < probabilities.size() / classes(); ++i) {
        if (std::ranges::max(row(probabilities, i, classes())) < scoring_.view_threshold) unsure.push_back(i);
    }
    return unsure;
}

void Classifier::average_views(std::span<const std::size_t> unsure, std::span<float> logits) {
    std::vector<Look> looks;
    for (const std::size_t image : unsure) {
        for (float& logit : row(logits, image, classes())) logit *= scoring_.views.front().weight;
        for (const View& view : std::span(scoring_.views).subspan(1)) looks.push_back({image, &view});
    }
    for (std::size_t first = 0; first < looks.size(); first += pass_) {
        add_views(std::span(looks).subspan(first, std::min(pass_, looks.size() - first)), logits);
    }
}

void Classifier::add_views(std::span<const Look> looks, std::span<float> logits) {
    const std::size_t values = spec_.size().bytes();
    view_planes_.resize(looks.size() * values);
    view_logits_.resize(looks.size() * classes());
    parallel_for(looks.size(), threads_, [&](std::size_t i) {
        take_view(row(std::span(planes_), looks[i].image, values), spec_.size(), *looks[i].view,
                  row(std::span(view_planes_), i, values));
    });
    engine_->infer(view_planes_, looks.size(), view_logits_, {});
    for (std::size_t i = 0; i < looks.size(); ++i) {
        const std::span<float> sum = row(logits, looks[i].image, classes());
        const std::span<const float> seen = row(std::span(view_logits_), i, classes());
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += looks[i].view->weight * seen[k];
    }
}

}  // namespace saccade
