#include "runtime/kernels/thread_pool.h"

#define EIGEN_USE_THREADS
#include <algorithm>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <system_error>
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

namespace {

// A thread that waits to be told what to run.
class WaitingThread {
 public:
  WaitingThread() : thread_([this] {
    told_.wait(false, std::memory_order_acquire);
    if (run_) run_();
  }) {}
  ~WaitingThread() {
    if (!told_.load(std::memory_order_relaxed)) Tell(nullptr);
    thread_.join();
  }
  WaitingThread(const WaitingThread&) = delete;
  WaitingThread& operator=(const WaitingThread&) = delete;
  // Once.
  void Tell(std::function<void()> run) {
    run_ = std::move(run);
    told_.store(true, std::memory_order_release);
    told_.notify_one();
  }

 private:
  std::function<void()> run_;
  std::atomic<bool> told_{false};
  std::thread thread_;  // last: it uses what is above
};

// As many as the system starts, at most `count`: a limit on processes or on memory may stop it early.
std::vector<std::unique_ptr<WaitingThread>> StartThreads(int count) {
  std::vector<std::unique_ptr<WaitingThread>> started;
  try {
    for (int i = 0; i < count; ++i) started.push_back(std::make_unique<WaitingThread>());
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  return started;
}

// Gives Eigen's pool threads that run already. Were the system to refuse one in the pool's constructor, the pool would
// wait for ever for those before it.
struct StartedThreads {
  struct Task {
    std::function<void()> f;
  };
  using EnvThread = WaitingThread;

  explicit StartedThreads(std::vector<std::unique_ptr<WaitingThread>>* threads) : waiting(threads) {}
  EnvThread* CreateThread(std::function<void()> run) {
    std::unique_ptr<WaitingThread> thread = std::move(waiting->back());
    waiting->pop_back();
    thread->Tell(std::move(run));
    return thread.release();
  }
  static Task CreateTask(std::function<void()> f) { return {std::move(f)}; }
  static void ExecuteTask(const Task& task) { task.f(); }

  std::vector<std::unique_ptr<WaitingThread>>* waiting;  // used by the pool's constructor alone
};

}  // namespace

struct ThreadPool::Workers {
  explicit Workers(std::vector<std::unique_ptr<WaitingThread>> threads)
      : idle(static_cast<int>(threads.size())),
        pool(static_cast<int>(threads.size()), /*allow_spinning=*/false, StartedThreads(&threads)) {}
  std::atomic<int> idle;  // workers that no team has taken
  Eigen::ThreadPoolTempl<StartedThreads> pool;
};

ThreadPool::ThreadPool(int threads) : threads_(1) {
  std::vector<std::unique_ptr<WaitingThread>> started = StartThreads(kHasThreads ? threads - 1 : 0);
  if (started.empty()) return;
  threads_ = static_cast<int>(started.size()) + 1;
  workers_ = std::make_unique<Workers>(std::move(started));
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

  // Of a task that threw: the first of the round, by number, so that a failure is the same whoever ran what.
  std::atomic<bool> failed{false};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  size_t failed_task = 0;

  void RunTask(Task run, const void* with, size_t i) {
    try {
      run(with, i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_mutex);
      if (failure == nullptr || i < failed_task) {
        failure = std::current_exception();
        failed_task = i;
      }
      failed.store(true, std::memory_order_relaxed);  // released with the count of unfinished tasks
    }
  }

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
        RunTask(run, with, Next(seen));
        if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_one();
        seen = ticket.load(std::memory_order_acquire);
      }
    }
    return seen;
  }

  void Serve() {
    uint64_t seen = ticket.load(std::memory_order_acquire);
    for (;;) {
      const uint64_t after = Help(seen);
      if (ended.load(std::memory_order_acquire)) return;
      const bool moved_on = Round(after) != Round(seen);
      seen = after;
      if (moved_on) continue;  // the next round began while this one's last task ended here
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
  int lent = 0;
  try {
    state_ = std::make_shared<State>();
    const std::thread::id owner = std::this_thread::get_id();
    for (; lent < taken; ++lent) {
      pool.workers_->pool.Schedule([state = state_, owner, &idle] {
        // A pool whose queue is full runs the closure in place: the owner cannot serve itself.
        if (std::this_thread::get_id() != owner) state->Serve();
        idle.fetch_add(1);
      });
    }
  } catch (const std::bad_alloc&) {
    // Those that came will do.
  }
  idle.fetch_add(taken - lent);
  threads_ = lent + 1;
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
  if (!s.failed.load(std::memory_order_relaxed)) return;
  s.failed.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(s.failure, nullptr));
}

}  // namespace invar
