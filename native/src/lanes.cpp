#include "lanes.hpp"

#include <algorithm>
#include <utility>

#include "saccade/thread_pool.hpp"

namespace saccade {

namespace {

/// A lane's batch: larger ones are no faster (ResNet-18 at 224 px: 201 images/s by 4, 206 by 16), and hold more memory.
constexpr std::size_t kPassesOfWhole = 4;

Lane new_lane(std::unique_ptr<Engine> engine, unsigned threads, std::size_t pass) {
    Lane lane;
    lane.engine = std::move(engine);
    lane.threads = threads;
    lane.pass = pass;
    return lane;
}

}  // namespace

/// A lane for as long as this lives. Waits for one where all are taken.
class Lanes::Lease {
  public:
    explicit Lease(Lanes& lanes) : lanes_(lanes) {
        std::unique_lock lock(lanes_.mutex_);
        lanes_.given_back_.wait(lock, [this] { return !lanes_.free_.empty(); });
        lane_ = lanes_.free_.back();
        lanes_.free_.pop_back();
    }
    ~Lease() {
        {
            const std::lock_guard lock(lanes_.mutex_);
            lanes_.free_.push_back(lane_);  // within its capacity
        }
        lanes_.given_back_.notify_one();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    [[nodiscard]] Lane& lane() const { return *lane_; }

  private:
    Lanes& lanes_;
    Lane* lane_;
};

Lanes::Lanes(Engines engines, unsigned threads, std::size_t pass) {
    if (engines.lanes.empty()) {
        lanes_.push_back(new_lane(std::move(engines.whole), threads, pass));
    } else {
        whole_ = new_lane(std::move(engines.whole), threads, pass);
    }
    const std::size_t lane_pass = std::max(pass / kPassesOfWhole, std::size_t{1});
    for (std::unique_ptr<Engine>& engine : engines.lanes) lanes_.push_back(new_lane(std::move(engine), 1, lane_pass));
    for (Lane& lane : lanes_) free_.push_back(&lane);
}

void Lanes::share(std::size_t count, const Body& body) {
    const struct Call {
        std::atomic<std::size_t>& calls;
        bool is_alone = calls++ == 0;
        ~Call() { --calls; }
    } call{calls_};
    if (whole_ && call.is_alone && count < lanes_.size()) {
        work_whole(count, body);
    } else {
        work_in_lanes(count, body);
    }
}

void Lanes::work_whole(std::size_t count, const Body& body) {
    const std::lock_guard lock(whole_mutex_);
    for (std::size_t first = 0; first < count; first += whole_->pass) {
        body(*whole_, first, std::min(whole_->pass, count - first));
    }
}

void Lanes::work_in_lanes(std::size_t count, const Body& body) {
    const std::size_t share = (count + lanes_.size() - 1) / lanes_.size();
    const std::size_t part = std::clamp(share, std::size_t{1}, lanes_.front().pass);
    parallel_for((count + part - 1) / part, static_cast<unsigned>(lanes_.size()), [&](std::size_t i) {
        const Lease lease(*this);
        body(lease.lane(), i * part, std::min(part, count - i * part));
    });
}

}  // namespace saccade
