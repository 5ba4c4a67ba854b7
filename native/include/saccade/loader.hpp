#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "saccade/augment.hpp"
#include "saccade/image.hpp"
#include "saccade/spec.hpp"
#include "saccade/tensor.hpp"

namespace saccade {

/// N training images, in memory that the caller keeps: pixels, or encoded bytes.
struct LoaderImages {
    std::span<const std::uint8_t> pixels;  ///< (N, H, W, 3) uint8 packed, may be memory-mapped; or none
    Size size;                             ///< of the pixels
    std::vector<Bytes> encoded;            ///< (N), where there are no pixels
};

/// What a loader gives of its images, and to whom.
struct LoaderSettings {
    std::vector<std::int64_t> labels;  ///< (N)
    std::vector<std::int64_t> rows;    ///< the images to train on
    std::size_t batch_size = 1;
    std::uint64_t seed = 0;
    std::size_t rank = 0;  ///< of world_size workers, which share each epoch
    std::size_t world_size = 1;
    unsigned threads = 0;  ///< 0: every processor that this process may use
    Limits limits;
};

/// A batch of a training.
struct LoaderPosition {
    std::uint32_t epoch = 0;
    std::size_t step = 0;

    bool operator==(const LoaderPosition&) const = default;
};

/// B images as a network takes them, with what is known of them.
struct LoadedBatch {
    LoaderPosition position;
    std::vector<std::byte> tensors;            ///< (B, H, W, 3) or (B, 3, H, W)
    std::vector<std::int64_t> rows;            ///< (B)
    std::vector<std::int64_t> labels;          ///< (B)
    std::vector<std::int64_t> partner_labels;  ///< (B), or none without mixing
    double weight = 1;                         ///< of labels; partner_labels have the rest
};

/// Gives the batches of one epoch after the other, made ahead of the training step on a thread of its own.
///
/// The order follows from seed and epoch, the picture from seed, epoch and row: the same position gives the same bytes,
/// whatever was loaded before and on however many threads. A batch is always full; images that are left over wait for
/// another shuffle. Calls must not overlap. A child after fork() may use its copy: a thread of its own goes on there.
class Loader {
  public:
    /// Raises Error{kArgument} for numbers that do not fit each other.
    Loader(LoaderImages images, const PreprocessSpec& spec, const Augmentation& augmentation, TensorFormat format,
           LoaderSettings settings);
    ~Loader();
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    [[nodiscard]] std::size_t batch_size() const { return settings_.batch_size; }
    [[nodiscard]] std::size_t steps_per_epoch() const;
    /// Of the batch that comes next.
    [[nodiscard]] LoaderPosition position() const { return position_; }
    /// Goes on there. Raises Error{kArgument} for a step that no epoch has.
    void seek(LoaderPosition position);
    /// The next batch, valid until the next call. Raises Error that names the row of an image that cannot be read, and
    /// again until another position is sought.
    const LoadedBatch& next();

  private:
    using Batch = std::unique_ptr<LoadedBatch>;
    struct Worker;

    void start();
    void stop();
    void work(Worker& worker, LoaderPosition position) const;
    void fill(Worker& worker, LoaderPosition position, LoadedBatch& batch) const;
    void mix(const Worker& worker, std::size_t number, LoadedBatch& batch) const;
    void fill_image(std::int64_t row, ImageKey key, std::span<std::uint8_t> pixels) const;
    [[nodiscard]] Batch new_batch() const;
    [[nodiscard]] std::vector<std::int64_t> shuffled(std::uint32_t epoch) const;
    [[nodiscard]] LoaderPosition after(LoaderPosition position) const;

    LoaderImages images_;
    PreprocessSpec spec_;
    Augmentation augmentation_;
    TensorWriter writer_;
    LoaderSettings settings_;
    std::array<std::uint8_t, 3> fill_;
    LoaderPosition position_;
    Batch current_;
    std::vector<Batch> spare_;  // while no thread works
    std::unique_ptr<Worker> worker_;
};

}  // namespace saccade
