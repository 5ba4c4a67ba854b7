#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "saccade/engine.hpp"
#include "saccade/prepare.hpp"
#include "saccade/scoring.hpp"
#include "saccade/spec.hpp"
#include "saccade/tensor.hpp"

namespace saccade {

/// What the classifier says of N images, one row an image.
///
/// Features and out-of-distribution scores are those of the image as it is, also where further views were taken: one
/// threshold then means the same for every image.
struct Scores {
    std::vector<float> logits;            ///< (N, K), averaged by weight over the views that were taken
    std::vector<float> probabilities;     ///< (N, K) calibrated, of logits
    std::vector<float> features;          ///< (N, D)
    std::vector<float> energy;            ///< (N)
    std::vector<float> isolation_forest;  ///< (N), or empty without a forest
    std::vector<float> ood_score;         ///< (N) of the detector that decides
    std::vector<std::uint8_t> is_ood;     ///< (N) 0 or 1
    double infer_seconds = 0;             ///< of all N together, without the wait for other calls
};

/// What the classifier says of one image; with an error, only the error and prepare_seconds have a meaning.
struct Answer {
    std::optional<Error> error;
    int label = -1;
    std::vector<float> probabilities;          ///< (K) calibrated
    std::vector<std::pair<int, float>> top_k;  ///< class and probability, most probable first
    float ood_score = 0;
    bool is_ood = false;
    float energy = 0;
    std::optional<float> isolation_forest;
    std::vector<float> features;  ///< (D)
    Size size;                    ///< of the whole picture as displayed
    ImageStatistics statistics;   ///< of the prepared pixels
    double prepare_seconds = 0;   ///< from encoded bytes to pixels
    double infer_seconds = 0;     ///< from pixels to answers, of all images that went through the engine together
};

/// Whether images that leave doubt are looked at in further ways.
enum class Views { kPlainOnly, kWhereUnsure };

/// Encoded images in, answers out: prepare, infer, calibrate and score, all natively.
///
/// Calls may come from several threads: they decode at the same time and take turns at the engine. Memory is bounded
/// however many images a call brings, but for the answers themselves.
class Classifier {
  public:
    /// threads: of preparation and scores; 0 means every processor.
    /// Raises Error{kSpec} for an engine of another size than spec's, and for a scoring that is impossible or does not
    /// fit the engine.
    Classifier(std::unique_ptr<Engine> engine, PreprocessSpec spec, Scoring scoring, Limits limits = {},
               unsigned threads = 0);

    /// One answer an image, in order. A bad image gets its own error and harms no neighbour.
    std::vector<Answer> predict(std::span<const Bytes> images, Views views = Views::kWhereUnsure);

    /// pixels: (N, H, W, 3) uint8, already prepared. Raises Error{kArgument} for another size.
    Scores predict_pixels(std::span<const std::uint8_t> pixels, Views views = Views::kWhereUnsure);

    [[nodiscard]] const PreprocessSpec& spec() const { return spec_; }
    [[nodiscard]] Precision precision() const { return engine_->precision(); }
    /// The most images that go through the engine at once.
    [[nodiscard]] std::size_t images_per_pass() const { return pass_; }
    /// K.
    [[nodiscard]] std::size_t classes() const { return engine_->classes(); }
    /// D.
    [[nodiscard]] std::size_t features() const { return engine_->features(); }

  private:
    /// One further view of one image of a pass.
    struct Look {
        std::size_t image;
        const View* view;
    };

    void predict_pass(std::span<const Bytes> images, Views views, std::span<Answer> answers);
    [[nodiscard]] Answer answer(const Scores& scores, std::size_t image) const;
    [[nodiscard]] Scores new_scores(std::size_t count) const;
    void score_pass(std::span<const std::uint8_t> pixels, Views views, std::size_t first, Scores& scores);
    void score_plain(std::size_t image, Scores& scores) const;
    void take_further_views(std::span<float> logits, std::span<float> probabilities);
    [[nodiscard]] std::vector<std::size_t> unsure_images(std::span<const float> probabilities) const;
    void average_views(std::span<const std::size_t> unsure, std::span<float> logits);
    void add_views(std::span<const Look> looks, std::span<float> logits);

    PreprocessSpec spec_;
    Scoring scoring_;
    Limits limits_;
    unsigned threads_;
    std::unique_ptr<Engine> engine_;
    TensorWriter writer_;
    std::size_t pass_;  // images that go through the engine at once
    std::mutex mutex_;
    // Reused between passes, guarded by mutex_.
    std::vector<float> planes_;
    std::vector<float> view_planes_;
    std::vector<float> view_logits_;
};

}  // namespace saccade
