#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "saccade/engine.hpp"

namespace saccade {

/// An engine with the memory that its calls reuse. Of one call at a time.
struct Lane {
    std::unique_ptr<Engine> engine;
    unsigned threads = 0;  ///< that work around the engine
    std::size_t pass = 0;  ///< images that go through it at once
    std::vector<std::uint8_t> pixels;
    std::vector<float> planes;
    std::vector<float> view_planes;
    std::vector<float> view_logits;
};

/// Divides the images of all calls among the lanes of one network.
///
/// Engines that share a batch wait for each other at every layer: on two processors, two lanes of a thread answered 1.1
/// (ResNet-18) to 1.9 times (custom_cnn at 32 px, single images) what one engine of two threads did. But a lone image
/// is answered soonest by all processors together.
class Lanes {
  public:
    using Body = std::function<void(Lane& lane, std::size_t first, std::size_t count)>;

    /// threads: of a network that has no lanes.   pass: images that may go through the network at once.
    Lanes(Engines engines, unsigned threads, std::size_t pass);

    /// Any of the engines: they run the same network.
    [[nodiscard]] const Engine& engine() const { return *lanes_.front().engine; }
    /// Images of one call that keep every lane busy.
    [[nodiscard]] std::size_t images() const { return lanes_.size() * lanes_.front().pass; }

    /// Calls body for parts of `count` images until all had their turn; several at the same time, each on a lane of its
    /// own. Returns, or rethrows the first exception, when all have ended. May be called from several threads.
    void share(std::size_t count, const Body& body);

  private:
    class Lease;

    void work_whole(std::size_t count, const Body& body);
    void work_in_lanes(std::size_t count, const Body& body);

    std::optional<Lane> whole_;  // where there are several lanes
    std::mutex whole_mutex_;
    std::vector<Lane> lanes_;
    std::vector<Lane*> free_;
    std::mutex mutex_;
    std::condition_variable given_back_;
    std::atomic<std::size_t> calls_ = 0;
};

}  // namespace saccade
