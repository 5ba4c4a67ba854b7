#include "saccade/classifier.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "lanes.hpp"
#include "saccade/error.hpp"
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

Classifier::Classifier(Engines engines, PreprocessSpec spec, Scoring scoring, Limits limits, unsigned threads)
    : spec_(std::move(spec)),
      scoring_(std::move(scoring)),
      limits_(limits),
      lanes_(std::make_unique<Lanes>(std::move(engines), threads, images_of_a_pass(spec_.size()))),
      writer_(spec_, {DataType::kFloat32, Layout::kNchw}) {
    if (engine().size() != spec_.size()) {
        throw Error(Code::kSpec, "The specification prepares images of " + text_of(spec_.size()) +
                                     " pixels, the engine takes " + text_of(engine().size()) +
                                     ". Use the specification that the network was trained with.");
    }
    scoring_.check(spec_.size());
    normalize_weights(scoring_.views);
    if (scoring_.forest && scoring_.forest->features() != features()) {
        throw Error(Code::kSpec, "The isolation forest takes " + std::to_string(scoring_.forest->features()) +
                                     " features, the model gives " + std::to_string(features()) +
                                     ". Evaluate again to make the bundle whole.");
    }
}

Classifier::~Classifier() = default;

const Engine& Classifier::engine() const {
    return lanes_->engine();
}

std::size_t Classifier::images_at_once() const {
    return lanes_->images();
}

std::vector<Answer> Classifier::predict(std::span<const Bytes> images, Views views) {
    std::vector<Answer> answers(images.size());
    lanes_->share(images.size(), [&](Lane& lane, std::size_t first, std::size_t count) {
        predict_part(images.subspan(first, count), views, lane, std::span(answers).subspan(first, count));
    });
    return answers;
}

void Classifier::predict_part(std::span<const Bytes> images, Views views, Lane& lane, std::span<Answer> answers) const {
    const std::size_t bytes = spec_.size().bytes();
    lane.pixels.resize(images.size() * bytes);
    const auto pixels = std::span(lane.pixels);
    std::vector<ImageInfo> infos(images.size());
    parallel_for(images.size(), lane.threads, [&](std::size_t i) {
        const Clock::time_point started = Clock::now();
        infos[i] = prepare_image(images[i], spec_, row(pixels, i, bytes), limits_);
        answers[i].prepare_seconds = seconds_since(started);
    });

    std::size_t good = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].error) continue;
        if (good != i) std::ranges::copy(row(pixels, i, bytes), row(pixels, good, bytes).begin());
        ++good;
    }
    Scores scores = new_scores(good);
    const Clock::time_point started = Clock::now();
    if (good > 0) score_part(pixels.first(good * bytes), views, 0, lane, scores);
    const double infer_seconds = seconds_since(started);

    std::size_t scored = 0;
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].error) {
            answers[i].error = std::move(infos[i].error);
            continue;
        }
        const double prepare_seconds = answers[i].prepare_seconds;
        answers[i] = answer(scores, scored++);
        answers[i].prepare_seconds = prepare_seconds;
        answers[i].infer_seconds = infer_seconds;
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
    lanes_->share(count, [&](Lane& lane, std::size_t first, std::size_t images) {
        score_part(pixels.subspan(first * bytes, images * bytes), views, first, lane, scores);
    });
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

void Classifier::score_part(std::span<const std::uint8_t> pixels, Views views, std::size_t first, Lane& lane,
                            Scores& scores) const {
    const std::size_t count = pixels.size() / spec_.size().bytes();
    const auto logits = std::span(scores.logits).subspan(first * classes(), count * classes());
    const auto probabilities = std::span(scores.probabilities).subspan(first * classes(), count * classes());
    const auto features_of_part = std::span(scores.features).subspan(first * features(), count * features());

    lane.planes.resize(pixels.size());
    writer_.write_all(pixels, std::as_writable_bytes(std::span(lane.planes)), lane.threads);
    lane.engine->infer(lane.planes, count, logits, features_of_part);
    parallel_for(count, lane.threads, [&](std::size_t i) { score_plain(first + i, scores); });
    if (views == Views::kWhereUnsure && scoring_.views.size() > 1) take_further_views(lane, logits, probabilities);
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

void Classifier::take_further_views(Lane& lane, std::span<float> logits, std::span<float> probabilities) const {
    const std::vector<std::size_t> unsure = unsure_images(probabilities);
    average_views(unsure, lane, logits);
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

void Classifier::average_views(std::span<const std::size_t> unsure, Lane& lane, std::span<float> logits) const {
    std::vector<Look> looks;
    for (const std::size_t image : unsure) {
        for (float& logit : row(logits, image, classes())) logit *= scoring_.views.front().weight;
        for (const View& view : std::span(scoring_.views).subspan(1)) looks.push_back({image, &view});
    }
    for (std::size_t first = 0; first < looks.size(); first += lane.pass) {
        add_views(std::span(looks).subspan(first, std::min(lane.pass, looks.size() - first)), lane, logits);
    }
}

void Classifier::add_views(std::span<const Look> looks, Lane& lane, std::span<float> logits) const {
    const std::size_t values = spec_.size().bytes();
    lane.view_planes.resize(looks.size() * values);
    lane.view_logits.resize(looks.size() * classes());
    parallel_for(looks.size(), lane.threads, [&](std::size_t i) {
        take_view(row(std::span(lane.planes), looks[i].image, values), spec_.size(), *looks[i].view,
                  row(std::span(lane.view_planes), i, values));
    });
    lane.engine->infer(lane.view_planes, looks.size(), lane.view_logits, {});
    for (std::size_t i = 0; i < looks.size(); ++i) {
        const std::span<float> sum = row(logits, looks[i].image, classes());
        const std::span<const float> seen = row(std::span(lane.view_logits), i, classes());
        for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += looks[i].view->weight * seen[k];
    }
}

}  // namespace saccade
