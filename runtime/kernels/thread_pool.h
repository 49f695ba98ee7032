// Threads that outlive a forward pass, lent to whichever caller needs them.
//
// A caller takes a Team for the length of one forward pass: itself, and as many of the pool's idle workers as it may
// have. Teams of different callers share nothing, so a thousand callers proceed at once; those that find no worker idle
// work alone. How many threads a team got, and which task ran where, changes no bit: tasks are whole leaves or outputs.
//
// Inside a team, workers wait for the next task by spinning briefly and then sleeping; outside one they sleep.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>

namespace invar {

class ThreadPool {
 public:
  // `threads` counts the caller: threads - 1 workers are started, or as many as the system lets; threads() says.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

 private:
  friend class Team;
  struct Workers;
  int threads_;
  std::unique_ptr<Workers> workers_;
};

// How many threads this process may run at once: the processors of its affinity mask.
int AvailableThreads();

class Team {
 public:
  // At most `limit` threads, the caller counted.
  Team(ThreadPool& pool, int limit);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Threads that may take part: for deciding how finely to cut work, never what is computed.
  int threads() const { return threads_; }

  // Calls f(i) once for each i in [0, tasks), on any thread of the team, and returns when all are done. Only the
  // thread that made the team may call it, and not from within a task. Where tasks throw, what the first of them by
  // number threw is thrown here, once no task runs any more; others may or may not have run.
  template <class F>
  void For(size_t tasks, const F& f) {
    static_assert(std::is_invocable_v<const F&, size_t>);
    if (tasks <= 1 || threads_ == 1) {
      for (size_t i = 0; i < tasks; ++i) f(i);
      return;
    }
    Run(tasks, [](const void* context, size_t i) { (*static_cast<const F*>(context))(i); }, &f);
  }

 private:
  using Task = void (*)(const void* context, size_t i);
  struct State;
  void Run(size_t tasks, Task task, const void* context);

  int threads_ = 1;
  std::shared_ptr<State> state_;
};

}  // namespace invar
