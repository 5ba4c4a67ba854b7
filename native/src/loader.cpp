#include "saccade/loader.hpp"

#include <algorithm>
#include <cmath>
#include <string>
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
    if (settings.batch_size == 0 || settings.batch_size * settings.world_size > settings.rows.size()) {
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

}  // namespace

Loader::Loader(LoaderImages images, const PreprocessSpec& spec, const Augmentation& augmentation, TensorFormat format,
               LoaderSettings settings)
    : images_(std::move(images)),
      spec_(spec),
      augmentation_(augmentation),
      writer_(spec, format),
      settings_(std::move(settings)),
      fill_(mean_colour(spec)) {
    check(images_, settings_);
    for (std::size_t i = 0; i < kBatches; ++i) {
        auto batch = std::make_unique<LoadedBatch>();
        batch->tensors.resize(settings_.batch_size * writer_.tensor_bytes());
        batch->rows.resize(settings_.batch_size);
        batch->labels.resize(settings_.batch_size);
        batch->partner_labels.resize(augmentation_.mixing().is_on() ? settings_.batch_size : 0);
        free_.push_back(std::move(batch));
    }
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
    if (!thread_.joinable()) start();
    std::unique_lock lock(mutex_);
    if (current_) free_.push_back(std::move(current_));
    changed_.notify_all();
    changed_.wait(lock, [this] { return !ready_.empty() || error_; });
    if (ready_.empty()) std::rethrow_exception(error_);
    current_ = std::move(ready_.front());
    ready_.pop_front();
    position_ = after(position_);
    return *current_;
}

void Loader::start() {
    is_stopping_ = false;
    thread_ = std::thread([this, position = position_] { work(position); });
}

void Loader::stop() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    std::ranges::move(ready_, std::back_inserter(free_));
    ready_.clear();
    error_ = nullptr;
}

void Loader::work(LoaderPosition position) {
    while (true) {
        Batch batch;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return is_stopping_ || !free_.empty(); });
            if (is_stopping_) return;
            batch = std::move(free_.front());
            free_.pop_front();
        }
        std::exception_ptr error;
        try {
            fill(position, *batch);
        } catch (...) {
            error = std::current_exception();
        }
        const std::lock_guard lock(mutex_);
        (error ? free_ : ready_).push_back(std::move(batch));
        error_ = error;
        changed_.notify_all();
        if (error) return;
        position = after(position);
    }
}

void Loader::fill(LoaderPosition position, LoadedBatch& batch) {
    if (order_.empty() || order_epoch_ != position.epoch) shuffle(position.epoch);
    batch.position = position;
    const std::size_t count = settings_.batch_size;
    const std::size_t number = position.step * settings_.world_size + settings_.rank;
    const std::size_t bytes = spec_.size().bytes();
    const bool is_mixed = augmentation_.mixing().is_on();
    pixels_.resize(count * bytes);
    const auto pixels_of = [&](std::size_t i) { return std::span(pixels_).subspan(i * bytes, bytes); };
    const auto tensor_of = [&](std::size_t i) {
        return std::span(batch.tensors).subspan(i * writer_.tensor_bytes(), writer_.tensor_bytes());
    };
    parallel_for(count, settings_.threads, [&](std::size_t i) {
        if (is_stopping_) return;  // nobody waits for this batch
        const std::int64_t row = order_[number * count + i];
        batch.rows[i] = row;
        batch.labels[i] = settings_.labels[static_cast<std::size_t>(row)];
        fill_image(row, {settings_.seed, position.epoch, static_cast<std::uint32_t>(row)}, pixels_of(i));
        if (!is_mixed) writer_.write(pixels_of(i), tensor_of(i));
    });
    if (!is_mixed) return;

    const auto batch_number = static_cast<std::uint32_t>(number);
    const Mix mix = augmentation_.mixing().draw(settings_.seed, position.epoch, batch_number, spec_.size());
    batch.weight = mix.weight;
    parallel_for(count, settings_.threads, [&](std::size_t i) {
        const std::size_t partner = (i + count - 1) % count;
        thread_local std::vector<std::uint8_t> mixed;
        mixed.assign(pixels_of(i).begin(), pixels_of(i).end());
        mix.apply(mixed, pixels_of(partner), spec_.size());
        writer_.write(mixed, tensor_of(i));
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

void Loader::shuffle(std::uint32_t epoch) {
    order_ = settings_.rows;
    order_epoch_ = epoch;
    Random random({settings_.seed, epoch, 0}, kOrderStream);
    for (std::size_t last = order_.size() - 1; last > 0; --last) {
        const int other = random.integer(0, static_cast<int>(last));
        std::swap(order_[last], order_[static_cast<std::size_t>(other)]);
    }
}

}  // namespace saccade
