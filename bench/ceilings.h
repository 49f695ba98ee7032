// What the machine can do at most, measured beside what the kernels do: multiply-adds per second of each instruction
// set, and bytes read per second from memory.
//
// Machines are shared, and their clocks and neighbours change from second to second, so a ceiling measured once is no
// ceiling for what runs a minute later. Each is measured again in short slices (about a millisecond) next to every
// figure that is given as a share of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/kernels/thread_pool.h"

namespace invar::bench {

// Seconds since it was made. With one thread it is the thread's processor time, which does not count the moments in
// which another program had the core; with more it is the wall clock's.
class Stopwatch {
 public:
  explicit Stopwatch(int threads) : threads_(threads), start_(Now()) {}
  double Seconds() const { return Now() - start_; }

 private:
  double Now() const;
  int threads_;
  double start_;
};

double Median(std::vector<double> values);  // 0 where there are none

// The loops that reach for the ceilings, compiled for one instruction set.
struct CeilingLoops {
  const char* isa = nullptr;
  bool native_fma = false;  // otherwise fma is the exact emulation, its products hoisted out of the loop
  size_t lanes = 0;         // floats of a vector
  // `steps` multiply-adds in each of `chains` (4, 8 or 12) independent chains held in registers.
  void (*fma)(size_t steps, int chains) = nullptr;
  // Reads `bytes` in `streams` streams of equal length, which run side by side. Where they are not 0, asks for what is so many bytes
  // further: `far` into the second-level cache, `near` into the first.
  void (*read)(const uint8_t* from, size_t bytes, size_t streams, size_t far, size_t near) = nullptr;
};

// Null where that instruction set was not compiled in.
const CeilingLoops* LoopsOf(std::string_view isa);

class Ceilings {
 public:
  // One slice on all threads of the team: floating-point operations per second (a multiply-add counts as two), bytes
  // per second from memory. Each remembers what it saw.
  double Fma(const std::string& isa, Team& team);
  double Read(Team& team);

  // Bytes per second that one thread reads from a buffer of this size, best of several passes: for caches.
  double ReadCached(const std::string& isa, size_t bytes);

  // All slices so far. Keys: (instruction set, or "" for memory; threads).
  using Key = std::pair<std::string, int>;
  const std::map<Key, std::vector<double>>& slices() const { return slices_; }

 private:
  struct FmaPlan {
    int chains = 0;
    size_t steps = 0;  // of one task, about a quarter of a millisecond
  };
  const FmaPlan& PlanFor(const CeilingLoops& loops);
  void PrepareMemory();

  std::map<std::string, FmaPlan> fma_plans_;
  std::map<Key, std::vector<double>> slices_;

  // Memory is read by the best instruction set's loads, in the way that was fastest when first tried.
  const CeilingLoops* memory_loops_ = nullptr;
  struct Free {
    void operator()(uint8_t* p) const;
  };
  std::unique_ptr<uint8_t, Free> memory_;
  size_t memory_bytes_ = 0;
  size_t memory_at_ = 0;
  size_t streams_ = 1, far_ = 0, near_ = 0;
};

Ceilings& TheCeilings();

// Bytes of the greatest cache, as far as the system tells.
size_t LastLevelCache();

}  // namespace invar::bench
