#include "lanes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace saccade {
namespace {

constexpr std::size_t kPass = 8;  // of the whole; a lane takes a quarter

/// Computes nothing: the tests look at who is called with what.
class IdleEngine final : public Engine {
  public:
    [[nodiscard]] Precision precision() const override { return Precision::kFloat32; }
    [[nodiscard]] Size size() const override { return {1, 1}; }
    [[nodiscard]] std::size_t classes() const override { return 1; }
    [[nodiscard]] std::size_t features() const override { return 1; }
    void infer(std::span<const float>, std::size_t, std::span<float>, std::span<float>) override {}
};

Engines engines(std::size_t lanes) {
    Engines made(std::make_unique<IdleEngine>());
    for (std::size_t i = 0; i < lanes; ++i) made.lanes.push_back(std::make_unique<IdleEngine>());
    return made;
}

TEST(Lanes, every_image_has_one_turn_however_many_come) {
    Lanes lanes(engines(3), 3, kPass);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 4U, 7U, 100U}) {
        std::vector<std::atomic<int>> turns(count);
        lanes.share(count, [&](Lane& lane, std::size_t first, std::size_t images) {
            EXPECT_LE(images, lane.pass);
            for (std::size_t i = first; i < first + images; ++i) ++turns[i];
        });
        for (const std::atomic<int>& own : turns) EXPECT_EQ(own, 1) << count;
    }
}

TEST(Lanes, lone_image_gets_every_thread_and_many_get_one_each) {
    Lanes lanes(engines(3), 3, kPass);
    lanes.share(2, [](Lane& lane, std::size_t, std::size_t images) {
        EXPECT_EQ(lane.threads, 3U);
        EXPECT_EQ(images, 2U);
    });
    std::atomic<int> parts = 0;
    lanes.share(6, [&](Lane& lane, std::size_t, std::size_t images) {
        EXPECT_EQ(lane.threads, 1U);
        EXPECT_EQ(images, 2U);
        ++parts;
    });
    EXPECT_EQ(parts, 3);
}

TEST(Lanes, image_beside_another_call_gets_a_lane) {
    Lanes lanes(engines(2), 2, kPass);
    lanes.share(1, [&](Lane& lane, std::size_t, std::size_t) {
        EXPECT_EQ(lane.threads, 2U);
        std::thread([&] {
            lanes.share(1, [](Lane& other, std::size_t, std::size_t) { EXPECT_EQ(other.threads, 1U); });
        }).join();
    });
}

TEST(Lanes, network_without_lanes_does_all_with_its_own_threads) {
    Lanes lanes(engines(0), 5, kPass);
    EXPECT_EQ(lanes.images(), kPass);
    lanes.share(20, [](Lane& lane, std::size_t, std::size_t images) {
        EXPECT_EQ(lane.threads, 5U);
        EXPECT_LE(images, kPass);
    });
}

TEST(Lanes, no_lane_has_two_calls_at_once) {
    Lanes lanes(engines(2), 2, kPass);
    std::mutex mutex;
    std::set<Lane*> taken;
    std::atomic<std::size_t> images_seen = 0;
    const auto call = [&] {
        for (int round = 0; round < 50; ++round) {
            lanes.share(5, [&](Lane& lane, std::size_t, std::size_t images) {
                {
                    const std::lock_guard lock(mutex);
                    EXPECT_TRUE(taken.insert(&lane).second);
                }
                std::this_thread::yield();
                images_seen += images;
                const std::lock_guard lock(mutex);
                taken.erase(&lane);
            });
        }
    };
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) callers.emplace_back(call);
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(images_seen, 4U * 50U * 5U);
}

TEST(Lanes, failed_part_is_the_calls_exception_and_its_lane_is_free_again) {
    Lanes lanes(engines(2), 2, kPass);
    const auto fail = [](Lane&, std::size_t, std::size_t) { throw std::runtime_error("broken"); };
    for (int i = 0; i < 3; ++i) {
        EXPECT_THROW(lanes.share(1, fail), std::runtime_error);
        EXPECT_THROW(lanes.share(9, fail), std::runtime_error);
    }
    std::atomic<std::size_t> images_seen = 0;
    lanes.share(9, [&](Lane&, std::size_t, std::size_t images) { images_seen += images; });
    EXPECT_EQ(images_seen, 9U);
}

}  // namespace
}  // namespace saccade
