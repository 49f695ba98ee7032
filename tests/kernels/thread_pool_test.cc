// The pool: every task runs once, teams of different callers do not meet, and no worker is kept by who is done.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/kernels/thread_pool.h"

namespace invar::testing {
namespace {

TEST(ThreadPool, EveryTaskRunsOnce) {
  for (const int threads : {1, 2, 3, 8, 16}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const size_t tasks : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{64}, size_t{1000}}) {
      Team team(pool, threads);
      std::vector<std::atomic<int>> ran(tasks);
      team.For(tasks, [&](size_t i) { ran[i].fetch_add(1); });
      for (size_t i = 0; i < tasks; ++i) EXPECT_EQ(ran[i].load(), 1) << "task " << i << " on " << threads << " threads";
    }
  }
}

// Rounds follow one another closely: a worker late from one must not touch the next.
TEST(ThreadPool, RoundsDoNotMix) {
  ThreadPool pool(4);
  Team team(pool, 4);
  for (size_t round = 0; round < 20000; ++round) {
    const size_t tasks = 2 + round % 5;
    std::vector<size_t> seen(tasks, 0);  // written without a lock: each by one task, all before For returns
    team.For(tasks, [&](size_t i) { seen[i] += round + 1; });
    for (size_t i = 0; i < tasks; ++i) ASSERT_EQ(seen[i], round + 1);
  }
}

TEST(ThreadPool, TasksSpreadOverThreads) {
  ThreadPool pool(4);
  Team team(pool, 4);
  if (team.threads() < 2) GTEST_SKIP() << "no worker was idle";
  std::atomic<int> inside{0};
  std::atomic<bool> met{false};
  // Each task waits until two are inside at once, which one thread alone cannot bring about.
  team.For(2, [&](size_t) {
    inside.fetch_add(1);
    for (int i = 0; i < 1000000 && !met.load(); ++i) {
      if (inside.load() == 2) met.store(true);
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(met.load());
}

TEST(ThreadPool, ManyTeamsAtOnce) {
  ThreadPool pool(4);
  std::vector<std::thread> callers;
  std::atomic<size_t> wrong{0};
  for (size_t c = 0; c < 32; ++c) {
    callers.emplace_back([&, c] {
      for (size_t round = 0; round < 200; ++round) {
        Team team(pool, 1 + static_cast<int>((c + round) % 4));
        std::vector<size_t> values(1 + round % 13, 0);
        team.For(values.size(), [&](size_t i) { values[i] = c + i; });
        for (size_t i = 0; i < values.size(); ++i) wrong += values[i] != c + i;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0u);
}

TEST(ThreadPool, WorkersComeBackWhenATeamEnds) {
  ThreadPool pool(3);
  for (int round = 0; round < 100; ++round) {
    // A worker that has just been let go may take a moment to be idle again.
    for (int attempt = 0;; ++attempt) {
      Team team(pool, 3);
      if (team.threads() == 3) break;
      ASSERT_LT(attempt, 10000) << "workers were lost";
      std::this_thread::yield();
    }
  }
}

}  // namespace
}  // namespace invar::testing
