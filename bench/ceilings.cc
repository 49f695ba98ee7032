// First the loops, once for each instruction set; then, once, how they are used.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/ceilings.cc"
#include "hwy/foreach_target.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/highway-inl.h"
#include "invar/simd/targets.h"
#include "bench/ceilings.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace {

template <class V, class... Vs>
HWY_INLINE void Chains(size_t steps, float* sink, V x, V w, Vs... s) {
  const DF d;
  for (size_t i = 0; i < steps; ++i) ((s = Fma(d, x, w, s)), ...);
  ((hn::StoreU(s, d, sink), sink += 16), ...);
}

// The chains start from different values, or a compiler would compute one of them for all.
HWY_NOINLINE void FmaLoop(size_t steps, int chains) {
  const DF d;
  HWY_ALIGN float start[12 * 16], sink[12 * 16];
  for (int i = 0; i < 12 * 16; ++i) start[i] = 1.0f + static_cast<float>(i);
  float factor = 0.5f;
  asm volatile("" : "+m"(factor));  // a value that the compiler does not know
  const VF x = hn::Set(d, factor), w = hn::Set(d, 1.0f + factor);
  const auto s = [&](int i) HWY_ATTR { return hn::LoadU(d, start + 16 * i); };
  if (chains == 12) {
    Chains(steps, sink, x, w, s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7), s(8), s(9), s(10), s(11));
  } else if (chains == 8) {
    Chains(steps, sink, x, w, s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7));
  } else {
    Chains(steps, sink, x, w, s(0), s(1), s(2), s(3));
  }
  asm volatile("" : : "r"(sink) : "memory");
}

// Eight vectors of each stream in turn, joined by integer or: what is in memory cannot slow it down.
HWY_NOINLINE void ReadLoop(const uint8_t* from, size_t bytes, size_t streams, size_t far, size_t near) {
#if HWY_TARGET == HWY_SCALAR
  const hn::ScalableTag<uint64_t> d;
#else
  const hn::ScalableTag<uint32_t> d;
#endif
  using T = hn::TFromD<decltype(d)>;
  const size_t lanes = hn::Lanes(d);
  const size_t block = 8 * lanes * sizeof(T);
  const size_t part = bytes / streams / block * block;
  auto a = hn::Zero(d), b = a, c = a, e = a;
  for (size_t offset = 0; offset < part; offset += block) {
    for (size_t stream = 0; stream < streams; ++stream) {
      const uint8_t* at = from + stream * part + offset;
      for (size_t line = 0; far != 0 && line < block; line += 64) Prefetch(at, far + line);
      for (size_t line = 0; near != 0 && line < block; line += 64) PrefetchNear(at, near + line);
      const T* p = reinterpret_cast<const T*>(at);
      a = hn::Or(a, hn::LoadU(d, p));
      b = hn::Or(b, hn::LoadU(d, p + lanes));
      c = hn::Or(c, hn::LoadU(d, p + 2 * lanes));
      e = hn::Or(e, hn::LoadU(d, p + 3 * lanes));
      a = hn::Or(a, hn::LoadU(d, p + 4 * lanes));
      b = hn::Or(b, hn::LoadU(d, p + 5 * lanes));
      c = hn::Or(c, hn::LoadU(d, p + 6 * lanes));
      e = hn::Or(e, hn::LoadU(d, p + 7 * lanes));
    }
  }
  HWY_ALIGN T sink[64 / sizeof(T)];
  hn::StoreU(hn::Or(hn::Or(a, b), hn::Or(c, e)), d, sink);
  asm volatile("" : : "r"(sink) : "memory");
}

}  // namespace

bench::CeilingLoops BenchLoops() {
  const bool native = HWY_TARGET != HWY_SCALAR && HWY_NATIVE_FMA;
  return {hwy::TargetName(HWY_TARGET), native, hn::Lanes(DF()), &FmaLoop, &ReadLoop};
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "runtime/kernels/selection.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace invar::bench {
namespace {

constexpr size_t kChunk = size_t{1} << 20;  // of memory, one task

const std::vector<CeilingLoops>& AllLoops() {
  static const std::vector<CeilingLoops> all = [] {
    std::vector<CeilingLoops> loops;
#define INVAR_BENCH_LOOPS(TARGET, NAMESPACE) loops.push_back(NAMESPACE::BenchLoops());
    INVAR_FOR_EACH_TARGET(INVAR_BENCH_LOOPS)
#undef INVAR_BENCH_LOOPS
    return loops;
  }();
  return all;
}

}  // namespace

double Stopwatch::Now() const {
#if defined(CLOCK_THREAD_CPUTIME_ID)
  if (threads_ == 1) {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

const CeilingLoops* LoopsOf(std::string_view isa) {
  for (const CeilingLoops& loops : AllLoops()) {
    if (isa == loops.isa) return &loops;
  }
  return nullptr;
}

size_t LastLevelCache() {
  size_t greatest = 0;
  for (const benchmark::CPUInfo::CacheInfo& cache : benchmark::CPUInfo::Get().caches) {
    greatest = std::max(greatest, static_cast<size_t>(cache.size));
  }
  return greatest;
}

const Ceilings::FmaPlan& Ceilings::PlanFor(const CeilingLoops& loops) {
  FmaPlan& plan = fma_plans_[loops.isa];
  if (plan.steps != 0) return plan;
  // Which number of chains hides the latency without running out of registers is the processor's affair: try them.
  double best = 0;
  for (const int chains : {4, 8, 12}) {
    size_t steps = 64;
    double seconds = 0;
    for (;; steps *= 2) {
      const Stopwatch watch(1);
      loops.fma(steps, chains);
      seconds = watch.Seconds();
      if (seconds > 250e-6) break;
    }
    for (int pass = 0; pass < 5; ++pass) {
      const Stopwatch watch(1);
      loops.fma(steps, chains);
      seconds = std::min(seconds, watch.Seconds());
    }
    const double rate = static_cast<double>(steps) * chains / seconds;
    if (rate <= best) continue;
    best = rate;
    plan = {chains, std::max<size_t>(1, static_cast<size_t>(250e-6 / seconds * static_cast<double>(steps)))};
  }
  return plan;
}

double Ceilings::Fma(const std::string& isa, Team& team) {
  const CeilingLoops* loops = LoopsOf(isa);
  if (loops == nullptr) return 0;
  const FmaPlan& plan = PlanFor(*loops);
  const size_t tasks = 4 * static_cast<size_t>(team.threads());
  const Stopwatch watch(team.threads());
  team.For(tasks, [&](size_t) { loops->fma(plan.steps, plan.chains); });
  const double seconds = watch.Seconds();
  const double operations = 2.0 * static_cast<double>(tasks * plan.steps * loops->lanes) * plan.chains;
  slices_[{isa, team.threads()}].push_back(operations / seconds);
  return operations / seconds;
}

void Ceilings::Free::operator()(uint8_t* p) const { std::free(p); }

void Ceilings::PrepareMemory() {
  memory_loops_ = LoopsOf(SupportedIsas().front());
  // Many times what any cache holds, on huge pages where the system grants them: neither page walks nor a neighbour's
  // share of the cache make it slower or faster than memory is.
  memory_bytes_ = std::max(size_t{512} << 20, 4 * LastLevelCache()) / (2 * kChunk) * (2 * kChunk);
  memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(2 * kChunk, memory_bytes_)));
  if (memory_ == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(memory_.get(), memory_bytes_, MADV_HUGEPAGE);
#endif
  std::memset(memory_.get(), 1, memory_bytes_);

  double best = 0;
  for (const size_t streams : {1, 2, 4, 8}) {
    for (const auto& [far, near] : std::vector<std::pair<size_t, size_t>>{{0, 0}, {0, 512}, {0, 1024}, {0, 2048}, {2048, 1024}, {4096, 1024}}) {
      for (int pass = 0; pass < 2; ++pass) {
        const Stopwatch watch(1);
        for (int i = 0; i < 16; ++i) {
          memory_loops_->read(memory_.get() + memory_at_, kChunk, streams, far, near);
          memory_at_ = (memory_at_ + kChunk) % memory_bytes_;
        }
        const double rate = 1 / watch.Seconds();
        if (rate <= best) continue;
        best = rate;
        streams_ = streams;
        far_ = far;
        near_ = near;
      }
    }
  }
}

double Ceilings::Read(Team& team) {
  if (memory_ == nullptr) PrepareMemory();
  const size_t chunks = memory_bytes_ / kChunk;
  const size_t tasks = std::min(24 * static_cast<size_t>(team.threads()), chunks / 2);
  // Chunks from all over the buffer, each the one that was read longest ago: a stretch of memory that is slow for a while
  // (pages that are moved, a neighbour's) is in no slice alone.
  const size_t step = (chunks / tasks) | 1;
  const size_t first = memory_at_ / kChunk;
  const Stopwatch watch(team.threads());
  team.For(tasks, [&](size_t task) {
    memory_loops_->read(memory_.get() + (first + task * step) % chunks * kChunk, kChunk, streams_, far_, near_);
  });
  const double rate = static_cast<double>(tasks * kChunk) / watch.Seconds();
  memory_at_ = (memory_at_ + kChunk) % memory_bytes_;
  slices_[{"", team.threads()}].push_back(rate);
  return rate;
}

double Ceilings::ReadCached(const std::string& isa, size_t bytes) {
  const CeilingLoops* loops = LoopsOf(isa);
  if (loops == nullptr) return 0;
  std::vector<uint8_t> buffer(bytes + 64, 1);
  uint8_t* at = buffer.data();
  while (reinterpret_cast<uintptr_t>(at) % 64 != 0) ++at;
  const size_t passes = std::max<size_t>(1, (size_t{16} << 20) / bytes);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const Stopwatch watch(1);
    for (size_t i = 0; i < passes; ++i) loops->read(at, bytes, 1, 0, 0);
    best = std::max(best, static_cast<double>(passes * bytes) / watch.Seconds());
  }
  return best;
}

Ceilings& TheCeilings() {
  static Ceilings ceilings;
  return ceilings;
}

}  // namespace invar::bench
#endif  // HWY_ONCE
