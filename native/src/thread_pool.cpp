#include "saccade/thread_pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace saccade {

namespace {

constexpr unsigned kMaxThreads = 256;

/// One parallel_for call. Helpers may still look at it after its caller has returned, so it is shared.
class Job {
  public:
    Job(std::size_t count, const std::function<void(std::size_t)>& body) : count_(count), body_(body) {}

    /// Takes indices until none is left. A helper that comes late touches only next_.
    void work() {
        for (std::size_t i = next_++; i < count_; i = next_++) {
            try {
                if (!has_failed_) body_(i);
            } catch (...) {
                keep_first_error();
            }
            if (++done_ == count_) {
                const std::lock_guard lock(mutex_);
                finished_.notify_all();
            }
        }
    }

    void wait() {
        std::unique_lock lock(mutex_);
        finished_.wait(lock, [this] { return done_ == count_; });
        if (error_) std::rethrow_exception(error_);
    }

  private:
    void keep_first_error() {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        has_failed_ = true;
    }

    const std::size_t count_;
    const std::function<void(std::size_t)>& body_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<bool> has_failed_{false};
    std::mutex mutex_;
    std::condition_variable finished_;
    std::exception_ptr error_;
};

/// Threads that wait for jobs. They are detached and own the state together with whoever posts, so that neither the end
/// of the process nor a child after fork(), which has none of its parent's threads, waits for them.
struct Pool {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::shared_ptr<Job>> waiting;
    std::size_t workers = 0;
};

void serve(const std::shared_ptr<Pool>& pool) {
    while (true) {
        std::shared_ptr<Job> job;
        {
            std::unique_lock lock(pool->mutex);
            pool->wake.wait(lock, [&pool] { return !pool->waiting.empty(); });
            job = std::move(pool->waiting.front());
            pool->waiting.pop_front();
        }
        job->work();
    }
}

/// The pool of this process.
class ProcessPool {
  public:
    /// Asks `helpers` workers to take part in job; starts those that are missing. Fewer come if no thread can be made.
    static void post(const std::shared_ptr<Job>& job, std::size_t helpers) {
        const std::shared_ptr<Pool> pool = current();
        const std::lock_guard lock(pool->mutex);
        try {
            for (; pool->workers < helpers; ++pool->workers) std::thread(serve, pool).detach();
        } catch (const std::system_error&) {
            helpers = pool->workers;
        }
        pool->waiting.insert(pool->waiting.end(), helpers, job);
        pool->wake.notify_all();
    }

  private:
    static std::shared_ptr<Pool> current() {
        static const int registered = pthread_atfork([] { mutex_.lock(); }, [] { mutex_.unlock(); }, forget_pool);
        static_cast<void>(registered);
        const std::lock_guard lock(mutex_);
        if (!pool_) pool_ = std::make_shared<Pool>();
        return pool_;
    }

    static void forget_pool() {
        // The vanished threads' shares keep the old pool from being destroyed, which its locked mutex could not bear.
        pool_.reset();
        mutex_.unlock();
    }

    static inline std::mutex mutex_;
    static inline std::shared_ptr<Pool> pool_;
};

/// Processors that the control group's quota is worth, rounded up; all of them without a quota.
unsigned quota_processors() {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    double quota_us = 0;
    double period_us = 0;
    if (!(file >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return kMaxThreads;
    return static_cast<unsigned>(std::clamp(std::ceil(quota_us / period_us), 1.0, double{kMaxThreads}));
}

}  // namespace

unsigned available_processors() {
    static const unsigned quota = quota_processors();
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::max(1U, std::thread::hardware_concurrency());
    return std::clamp(static_cast<unsigned>(CPU_COUNT(&allowed)), 1U, quota);
}

void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& body) {
    if (threads == 0) threads = available_processors();
    const std::size_t useful = std::min({count, std::size_t{threads}, std::size_t{kMaxThreads}});
    const auto job = std::make_shared<Job>(count, body);
    if (useful > 1) ProcessPool::post(job, useful - 1);
    job->work();
    job->wait();
}

}  // namespace saccade
