#include "runtime/kernels/thread_pool.h"

#define EIGEN_USE_THREADS
#include <algorithm>
#include <unsupported/Eigen/CXX11/ThreadPool>

#if defined(__linux__)
#include <sched.h>
#endif

namespace invar {
namespace {

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// WebAssembly has threads only where it was built with them.
#if defined(__wasm__) && !defined(__EMSCRIPTEN_PTHREADS__)
constexpr bool kHasThreads = false;
#else
constexpr bool kHasThreads = true;
#endif

// About 20 microseconds: longer than the gap between two operations of a forward pass, shorter than anybody notices.
constexpr int kSpins = 2000;

}  // namespace

struct ThreadPool::Workers {
  explicit Workers(int count) : idle(count), pool(count, /*allow_spinning=*/false) {}
  std::atomic<int> idle;  // workers that no team has taken
  Eigen::ThreadPool pool;
};

ThreadPool::ThreadPool(int threads) : threads_(kHasThreads ? std::max(1, threads) : 1) {
  if (threads_ > 1) workers_ = std::make_unique<Workers>(threads_ - 1);
}

ThreadPool::~ThreadPool() = default;

int AvailableThreads() {
  if (!kHasThreads) return 1;
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// What a team's threads share. A worker may look at it a moment after its team has ended, hence the shared pointer.
struct Team::State {
  // A round whose next task is this has none: the owner is about to describe the next round's.
  static constexpr uint64_t kNone = 0xFFFFFFFFu;

  // The number of the current round in the upper half, the next task of it in the lower: one compare-and-swap takes a
  // task, and fails where the round has moved on, so a late worker can never run a task of a finished round.
  std::atomic<uint64_t> ticket{kNone};
  std::atomic<size_t> tasks{0};
  std::atomic<Task> task{nullptr};
  std::atomic<const void*> context{nullptr};
  std::atomic<size_t> unfinished{0};
  std::atomic<bool> ended{false};

  static uint64_t Round(uint64_t ticket) { return ticket >> 32; }
  static size_t Next(uint64_t ticket) { return static_cast<size_t>(ticket & 0xFFFFFFFFu); }

  // Runs tasks of the round that `seen` belongs to until none is left; returns the ticket that said so.
  uint64_t Help(uint64_t seen) {
    const uint64_t round = Round(seen);
    while (Round(seen) == round) {
      const Task run = task.load(std::memory_order_acquire);
      const void* with = context.load(std::memory_order_acquire);
      const size_t count = tasks.load(std::memory_order_acquire);
      if (Next(seen) >= count) return seen;
      // Success means that the round had not ended: then what was read above is its own, for the owner ends a round
      // before it describes the next.
      if (ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        run(with, Next(seen));
        if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_one();
        seen = ticket.load(std::memory_order_acquire);
      }
    }
    return seen;
  }

  void Serve() {
    uint64_t seen = ticket.load(std::memory_order_acquire);
    for (;;) {
      seen = Help(seen);
      if (ended.load(std::memory_order_acquire)) return;
      uint64_t now = ticket.load(std::memory_order_acquire);
      for (int i = 0; i < kSpins && Round(now) == Round(seen); ++i) {
        Pause();
        now = ticket.load(std::memory_order_acquire);
      }
      // Only the lower half may have moved: sleep until the round does.
      while (Round(now) == Round(seen)) {
        ticket.wait(now, std::memory_order_acquire);
        now = ticket.load(std::memory_order_acquire);
      }
      seen = now;
    }
  }
};

Team::Team(ThreadPool& pool, int limit) {
  if (pool.workers_ == nullptr || limit <= 1) return;
  std::atomic<int>& idle = pool.workers_->idle;
  int taken = 0;
  for (int free = idle.load(); taken < limit - 1 && free > 0;) {
    const int want = std::min(free, limit - 1 - taken);
    if (idle.compare_exchange_weak(free, free - want)) taken += want;
  }
  if (taken == 0) return;
  threads_ = taken + 1;
  state_ = std::make_shared<State>();
  const std::thread::id owner = std::this_thread::get_id();
  for (int i = 0; i < taken; ++i) {
    pool.workers_->pool.Schedule([state = state_, owner, &idle] {
      // A pool whose queue is full runs the closure in place: the owner cannot serve itself.
      if (std::this_thread::get_id() != owner) state->Serve();
      idle.fetch_add(1);
    });
  }
}

Team::~Team() {
  if (state_ == nullptr) return;
  state_->ended.store(true, std::memory_order_release);
  state_->ticket.store(((State::Round(state_->ticket.load(std::memory_order_relaxed)) + 1) << 32) | State::kNone,
                       std::memory_order_release);
  state_->ticket.notify_all();
}

void Team::Run(size_t tasks, Task task, const void* context) {
  State& s = *state_;
  // End the last round, so that a late worker's ticket is void, before anything it might have read is changed: each
  // store below releases the one before it.
  const uint64_t round = State::Round(s.ticket.load(std::memory_order_relaxed)) + 2;
  s.ticket.store(((round - 1) << 32) | State::kNone, std::memory_order_relaxed);
  s.task.store(task, std::memory_order_release);
  s.context.store(context, std::memory_order_release);
  s.tasks.store(tasks, std::memory_order_release);
  s.unfinished.store(tasks, std::memory_order_relaxed);
  s.ticket.store(round << 32, std::memory_order_release);
  s.ticket.notify_all();
  s.Help(round << 32);
  size_t left = s.unfinished.load(std::memory_order_acquire);
  for (int i = 0; i < kSpins && left != 0; ++i) {
    Pause();
    left = s.unfinished.load(std::memory_order_acquire);
  }
  while (left != 0) {
    s.unfinished.wait(left, std::memory_order_acquire);
    left = s.unfinished.load(std::memory_order_acquire);
  }
}

}  // namespace invar
