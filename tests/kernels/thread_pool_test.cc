// The pool: every task runs once, teams of different callers do not meet, and no worker is kept by who is done.
#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/kernels/thread_pool.h"
#include "tests/support/sanitized.h"

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

// The owner begins a round as soon as the last task of the one before has ended, whoever ran that: its thread must not miss the round.
TEST(ThreadPool, NoRoundIsMissed) {
  ThreadPool pool(2);
  Team team(pool, 2);
  if (team.threads() < 2) GTEST_SKIP() << "no worker was idle";
  bool met = true;
  for (size_t round = 0; round < 20000 && met; ++round) {
    std::atomic<int> inside{0}, leaving{0};
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    // Neither task ends before the other has begun, which one thread alone cannot bring about; and both end at once.
    team.For(2, [&](size_t) {
      inside.fetch_add(1);
      while (inside.load() < 2 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
      leaving.fetch_add(1);
      for (int i = 0; i < 1000 && leaving.load() < 2; ++i) continue;
    });
    met = std::chrono::steady_clock::now() < give_up;
    EXPECT_TRUE(met) << "round " << round;
  }
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

// What the first failing task threw, by number: the same whoever ran what; and the team goes on.
TEST(ThreadPool, WhatATaskThrowsReachesTheCaller) {
  for (const int threads : {1, 2, 4, 16}) {
    ThreadPool pool(threads);
    Team team(pool, threads);
    for (int round = 0; round < 200; ++round) {
      std::string said;
      try {
        team.For(50, [&](size_t i) {
          if (i % 10 == 7) throw Error("task " + std::to_string(i));
        });
      } catch (const Error& e) {
        said = e.what();
      }
      ASSERT_EQ(said, "task 7");
      std::atomic<size_t> ran{0};
      team.For(50, [&](size_t) { ran.fetch_add(1); });
      ASSERT_EQ(ran.load(), 50u);
    }
    EXPECT_THROW(team.For(3, [&](size_t) { throw std::bad_alloc(); }), std::bad_alloc);
  }
}

#if defined(__GLIBC__)
// Threads whose stacks do not fit the address space: the system refuses to start them.
TEST(ThreadPool, GoesOnWithTheThreadsThatTheSystemStarts) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer ends the process where a thread does not start";
  pthread_attr_t found, huge;
  ASSERT_EQ(pthread_getattr_default_np(&found), 0);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, size_t{1} << 45);  // the address space has room for three
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  {
    ThreadPool pool(16);
    EXPECT_LT(pool.threads(), 5);
    EXPECT_GE(pool.threads(), 1);
    std::printf("%d threads of 16\n", pool.threads());
    Team team(pool, 16);
    std::atomic<size_t> ran{0};
    team.For(100, [&](size_t) { ran.fetch_add(1); });
    EXPECT_EQ(ran.load(), 100u);
  }
  pthread_setattr_default_np(&found);
}
#endif

}  // namespace
}  // namespace invar::testing
