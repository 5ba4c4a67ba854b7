#include "saccade/thread_pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace saccade {
namespace {

TEST(ParallelFor, calls_every_index_once) {
    for (const unsigned threads : {0U, 1U, 2U, 7U, 1000U}) {
        std::vector<std::atomic<int>> calls(500);
        parallel_for(calls.size(), threads, [&](std::size_t i) { ++calls[i]; });
        for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
    }
}

TEST(ParallelFor, of_nothing_returns) {
    parallel_for(0, 4, [](std::size_t) { FAIL(); });
}

TEST(ParallelFor, rethrows_an_exception_and_goes_on_working) {
    const auto fail = [](std::size_t i) {
        if (i == 3) throw std::runtime_error("three");
    };
    EXPECT_THROW(parallel_for(100, 4, fail), std::runtime_error);
    EXPECT_THROW(parallel_for(100, 1, fail), std::runtime_error);

    std::atomic<int> calls = 0;
    parallel_for(10, 4, [&](std::size_t) { ++calls; });
    EXPECT_EQ(calls, 10);
}

TEST(ParallelFor, may_be_nested) {
    std::atomic<int> calls = 0;
    parallel_for(8, 4, [&](std::size_t) { parallel_for(8, 4, [&](std::size_t) { ++calls; }); });
    EXPECT_EQ(calls, 64);
}

TEST(ParallelFor, may_be_called_from_many_threads_at_once) {
    std::atomic<int> calls = 0;
    {
        std::vector<std::jthread> callers;
        for (int i = 0; i < 8; ++i) {
            callers.emplace_back([&calls] { parallel_for(100, 3, [&](std::size_t) { ++calls; }); });
        }
    }
    EXPECT_EQ(calls, 800);
}

TEST(ParallelFor, works_in_a_child_process) {
    parallel_for(10, 4, [](std::size_t) {});  // the parent's workers exist before the fork
    const pid_t child = fork();
    if (child == 0) {
        std::atomic<int> calls = 0;
        parallel_for(50, 4, [&](std::size_t) { ++calls; });
        _exit(calls == 50 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(AvailableProcessors, is_at_least_one) {
    EXPECT_GE(available_processors(), 1U);
}

}  // namespace
}  // namespace saccade
