#include "saccade/loader.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "saccade/error.hpp"
#include "saccade/prepare.hpp"
#include "saccade/thread_pool.hpp"
#include "text.hpp"

namespace saccade {

namespace {

// One is with the caller, one is ready, one is being made.
constexpr std::size_t kBatches = 3;
constexpr std::uint32_t kOrderStream = 101;

std::size_t image_count(const LoaderImages& images) {
    return images.pixels.empty() ? images.encoded.size() : images.pixels.size() / images.size.bytes();
}

[[noreturn]] void refuse(const std::string& reason) {
    throw Error(Code::kArgument, reason);
}

void check(const LoaderImages& images, const LoaderSettings& settings) {
    const std::size_t count = image_count(images);
    if (!images.pixels.empty() && images.pixels.size() % images.size.bytes() != 0) {
        refuse("The pixels are no whole number of images. Pass (N, H, W, 3) uint8.");
    }
    if (settings.labels.size() != count) {
        refuse("There are " + grouped(count) + " images and " + grouped(settings.labels.size()) +
               " labels. Pass one label an image.");
    }
    const auto is_there = [count](std::int64_t row) { return row >= 0 && static_cast<std::size_t>(row) < count; };
    const auto missing = std::ranges::find_if_not(settings.rows, is_there);
    if (missing != settings.rows.end()) {
        refuse("Row " + grouped(*missing) + " is not one of the " + grouped(count) + " images.");
    }
    if (settings.rank >= settings.world_size) {
        refuse("Rank " + grouped(settings.rank) + " is not below the world size, " + grouped(settings.world_size) +
               ".");
    }
    if (settings.batch_size == 0 || settings.batch_size > settings.rows.size() / settings.world_size) {
        refuse(grouped(settings.rows.size()) + " rows make no batch of " + grouped(settings.batch_size) +
               " for each of " + grouped(settings.world_size) + " workers. Make batch_size smaller.");
    }
}

std::array<std::uint8_t, 3> mean_colour(const PreprocessSpec& spec) {
    std::array<std::uint8_t, 3> colour{};
    for (std::size_t c = 0; c < kChannels; ++c) {
        colour[c] = static_cast<std::uint8_t>(std::lround(std::clamp(spec.mean()[c], 0.0, 1.0) * 255));
    }
    return colour;
}

/// Image number i of a batch.
std::span<std::byte> tensor_of(LoadedBatch& batch, std::size_t i) {
    const std::size_t bytes = batch.tensors.size() / batch.rows.size();
    return std::span(batch.tensors).subspan(i * bytes, bytes);
}

}  // namespace

/// The thread that works ahead, what is its own and what it shares with the caller.
struct Loader::Worker {
    const pid_t process = getpid();

    // Of the thread alone.
    std::vector<std::int64_t> order;
    std::uint32_t order_epoch = 0;
    std::vector<std::uint8_t> pixels;

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Batch> free;
    std::deque<Batch> ready;
    std::exception_ptr error;
    std::atomic<bool> is_stopping = false;
    std::thread thread;
};

Loader::Loader(LoaderImages images, const PreprocessSpec& spec, const Augmentation& augmentation, TensorFormat format,
               LoaderSettings settings)
    : images_(std::move(images)),
      spec_(spec),
      augmentation_(augmentation),
      writer_(spec, format),
      settings_(std::move(settings)),
      fill_(mean_colour(spec)) {
    check(images_, settings_);
}

Loader::~Loader() {
    stop();
}

std::size_t Loader::steps_per_epoch() const {
    return settings_.rows.size() / (settings_.batch_size * settings_.world_size);
}

LoaderPosition Loader::after(LoaderPosition position) const {
    if (position.step + 1 < steps_per_epoch()) return {position.epoch, position.step + 1};
    return {position.epoch + 1, 0};
}

void Loader::seek(LoaderPosition position) {
    if (position.step >= steps_per_epoch()) {
        refuse("An epoch has " + grouped(steps_per_epoch()) + " steps, from 0 on; there is no step " +
               grouped(position.step) + ".");
    }
    stop();
    position_ = position;
}

const LoadedBatch& Loader::next() {
    if (!worker_ || worker_->process != getpid()) start();
    std::unique_lock lock(worker_->mutex);
    if (current_) worker_->free.push_back(std::move(current_));
    worker_->changed.notify_all();
    worker_->changed.wait(lock, [this] { return !worker_->ready.empty() || worker_->error; });
    if (worker_->ready.empty()) std::rethrow_exception(worker_->error);
    current_ = std::move(worker_->ready.front());
    worker_->ready.pop_front();
    position_ = after(position_);
    return *current_;
}

void Loader::start() {
    stop();
    auto worker = std::make_unique<Worker>();
    while (spare_.size() + (current_ ? 1 : 0) < kBatches) spare_.push_back(new_batch());
    std::ranges::move(spare_, std::back_inserter(worker->free));
    spare_.clear();
    worker->thread = std::thread([this, &shared = *worker, position = position_] { work(shared, position); });
    worker_ = std::move(worker);
}

void Loader::stop() {
    if (!worker_) return;
    if (worker_->process != getpid()) {
        // A forked child: the thread is not there, its locks may be held and its batches half moved. Nothing of that
        // can be destroyed, so it is left alone.
        static_cast<void>(worker_.release());
        return;
    }
    {
        const std::lock_guard lock(worker_->mutex);
        worker_->is_stopping = true;
    }
    worker_->changed.notify_all();
    worker_->thread.join();
    std::ranges::move(worker_->ready, std::back_inserter(spare_));
    std::ranges::move(worker_->free, std::back_inserter(spare_));
    worker_.reset();
}

void Loader::work(Worker& worker, LoaderPosition position) const {
    while (true) {
        Batch batch;
        {
            std::unique_lock lock(worker.mutex);
            worker.changed.wait(lock, [&worker] { return worker.is_stopping || !worker.free.empty(); });
            if (worker.is_stopping) return;
            batch = std::move(worker.free.front());
            worker.free.pop_front();
        }
        std::exception_ptr error;
        try {
            fill(worker, position, *batch);
        } catch (...) {
            error = std::current_exception();
        }
        const std::lock_guard lock(worker.mutex);
        (error ? worker.free : worker.ready).push_back(std::move(batch));
        worker.error = error;
        worker.changed.notify_all();
        if (error) return;
        position = after(position);
    }
}

Loader::Batch Loader::new_batch() const {
    auto batch = std::make_unique<LoadedBatch>();
    batch->tensors.resize(settings_.batch_size * writer_.tensor_bytes());
    batch->rows.resize(settings_.batch_size);
    batch->labels.resize(settings_.batch_size);
    batch->partner_labels.resize(augmentation_.mixing().is_on() ? settings_.batch_size : 0);
    return batch;
}

void Loader::fill(Worker& worker, LoaderPosition position, LoadedBatch& batch) const {
    if (worker.order.empty() || worker.order_epoch != position.epoch) {
        worker.order = shuffled(position.epoch);
        worker.order_epoch = position.epoch;
    }
    batch.position = position;
    const std::size_t count = settings_.batch_size;
    const std::size_t number = position.step * settings_.world_size + settings_.rank;
    const std::size_t bytes = writer_.pixel_bytes();
    const bool is_mixed = augmentation_.mixing().is_on();
    worker.pixels.resize(count * bytes);
    parallel_for(count, settings_.threads, [&](std::size_t i) {
        if (worker.is_stopping) return;  // nobody waits for this batch
        const std::int64_t row = worker.order[number * count + i];
        const auto pixels = std::span(worker.pixels).subspan(i * bytes, bytes);
        batch.rows[i] = row;
        batch.labels[i] = settings_.labels[static_cast<std::size_t>(row)];
        fill_image(row, {settings_.seed, position.epoch, static_cast<std::uint32_t>(row)}, pixels);
        if (!is_mixed) writer_.write(pixels, tensor_of(batch, i));
    });
    if (is_mixed) mix(worker, number, batch);
}

void Loader::mix(const Worker& worker, std::size_t number, LoadedBatch& batch) const {
    const std::size_t count = settings_.batch_size;
    const Mix mix = augmentation_.mixing().draw(settings_.seed, batch.position.epoch,
                                                static_cast<std::uint32_t>(number), spec_.size());
    const auto pixels_of = [&](std::size_t i) {
        return std::span(worker.pixels).subspan(i * writer_.pixel_bytes(), writer_.pixel_bytes());
    };
    batch.weight = mix.weight;
    parallel_for(count, settings_.threads, [&](std::size_t i) {
        if (worker.is_stopping) return;
        const std::size_t partner = (i + count - 1) % count;
        thread_local std::vector<std::uint8_t> mixed;
        mixed.assign(pixels_of(i).begin(), pixels_of(i).end());
        mix.apply(mixed, pixels_of(partner), spec_.size());
        writer_.write(mixed, tensor_of(batch, i));
        batch.partner_labels[i] = batch.labels[partner];
    });
}

void Loader::fill_image(std::int64_t row, ImageKey key, std::span<std::uint8_t> pixels) const {
    thread_local AugmentScratch augment_scratch;
    const auto at = static_cast<std::size_t>(row);
    if (images_.pixels.empty()) {
        const auto part_of = [&](Size full) { return augmentation_.part(full, key); };
        const ImageInfo info = augmentation_.crops()
                                   ? prepare_part(images_.encoded[at], spec_, part_of, pixels, settings_.limits)
                                   : prepare_image(images_.encoded[at], spec_, pixels, settings_.limits);
        if (info.error) throw Error(info.error->code(), "Row " + grouped(row) + ": " + info.error->message());
    } else {
        thread_local ResizeScratch resize_scratch;
        const PixelsView stored{images_.pixels.subspan(at * images_.size.bytes(), images_.size.bytes()), images_.size};
        const Framing framing = augmentation_.crops() ? spec_.framing_of_part(augmentation_.part(stored.size, key))
                                                      : spec_.framing(stored.size);
        ResizePlan(stored.size, framing).run(stored, {0, 0, stored.size}, pixels, resize_scratch);
    }
    augmentation_.apply(pixels, spec_.size(), key, fill_, augment_scratch);
}

std::vector<std::int64_t> Loader::shuffled(std::uint32_t epoch) const {
    std::vector<std::int64_t> order = settings_.rows;
    Random random({settings_.seed, epoch, 0}, kOrderStream);
    for (std::size_t last = order.size() - 1; last > 0; --last) {
        const int other = random.integer(0, static_cast<int>(last));
        std::swap(order[last], order[static_cast<std::size_t>(other)]);
    }
    return order;
}

}  // namespace saccade
