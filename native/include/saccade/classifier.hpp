#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

struct Lane;
class Lanes;

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
/// Calls may come from several threads; together they keep every processor busy and no more. Memory is bounded however
/// many images a call brings, but for the answers themselves.
class Classifier {
  public:
    /// threads: of everything around an engine that has no lanes; 0 means every processor.
    /// Raises Error{kSpec} for an engine of another size than spec's, and for a scoring that is impossible or does not
    /// fit the engine.
    Classifier(Engines engines, PreprocessSpec spec, Scoring scoring, Limits limits = {}, unsigned threads = 0);
    ~Classifier();

    /// One answer an image, in order. A bad image gets its own error and harms no neighbour.
    std::vector<Answer> predict(std::span<const Bytes> images, Views views = Views::kWhereUnsure);

    /// pixels: (N, H, W, 3) uint8, already prepared. Raises Error{kArgument} for another size.
    Scores predict_pixels(std::span<const std::uint8_t> pixels, Views views = Views::kWhereUnsure);

    [[nodiscard]] const PreprocessSpec& spec() const { return spec_; }
    [[nodiscard]] Precision precision() const { return engine().precision(); }
    /// Images of one call that keep every processor busy; more are worked on in turns.
    [[nodiscard]] std::size_t images_at_once() const;
    /// K.
    [[nodiscard]] std::size_t classes() const { return engine().classes(); }
    /// D.
    [[nodiscard]] std::size_t features() const { return engine().features(); }

  private:
    /// One further view of one image of a part.
    struct Look {
        std::size_t image;
        const View* view;
    };

    [[nodiscard]] const Engine& engine() const;
    void predict_part(std::span<const Bytes> images, Views views, Lane& lane, std::span<Answer> answers) const;
    [[nodiscard]] Answer answer(const Scores& scores, std::size_t image) const;
    [[nodiscard]] Scores new_scores(std::size_t count) const;
    void score_part(std::span<const std::uint8_t> pixels, Views views, std::size_t first, Lane& lane,
                    Scores& scores) const;
    void score_plain(std::size_t image, Scores& scores) const;
    void take_further_views(Lane& lane, std::span<float> logits, std::span<float> probabilities) const;
    [[nodiscard]] std::vector<std::size_t> unsure_images(std::span<const float> probabilities) const;
    void average_views(std::span<const std::size_t> unsure, Lane& lane, std::span<float> logits) const;
    void add_views(std::span<const Look> looks, Lane& lane, std::span<float> logits) const;

    PreprocessSpec spec_;
    Scoring scoring_;
    Limits limits_;
    std::unique_ptr<Lanes> lanes_;
    TensorWriter writer_;
};

}  // namespace saccade
