#include "bench/harness.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/goals.h"
#include "runtime/kernels/selection.h"
#include "runtime/model/weights.h"

namespace invar::bench {
namespace {

// A batch of calls long enough that the clock and a neighbour's tick are small beside it.
constexpr double kBatchSeconds = 8e-3;

std::vector<std::string> Chosen(std::vector<std::string> otherwise) {
  if (!TheOptions().isas.empty()) return TheOptions().isas;
  if (TheOptions().quick && otherwise.size() > 1) otherwise.resize(1);
  return otherwise;
}

}  // namespace

Options& TheOptions() {
  static Options options;
  return options;
}

std::vector<std::string> KernelIsas() { return Chosen(SupportedIsas()); }

std::vector<std::string> OperationIsas() {
  const std::vector<std::string> supported = SupportedIsas();
  std::vector<std::string> isas = {supported.front()};
  const bool has_avx2 = std::find(supported.begin() + 1, supported.end(), "AVX2") != supported.end();
  if (has_avx2) isas.push_back("AVX2");
  return Chosen(isas);
}

std::vector<int> ThreadCounts() {
  if (!TheOptions().threads.empty()) return TheOptions().threads;
  const int all = AvailableThreads();
  return all == 1 ? std::vector<int>{1} : std::vector<int>{1, all};
}

ThreadPool& PoolOf(int threads) {
  static std::map<int, std::unique_ptr<ThreadPool>> pools;
  std::unique_ptr<ThreadPool>& pool = pools[threads];
  if (pool == nullptr) pool = std::make_unique<ThreadPool>(threads);
  return *pool;
}

const char* TypeName(invar_type type) {
  return type == INVAR_F32 ? "f32" : type == INVAR_BF16 ? "bf16" : "f16";
}

// Declared in the header by name alone, so that only this file needs the runtime's allocator.
class ColdMemory {
 public:
  explicit ColdMemory(size_t bytes) : data_(static_cast<uint16_t*>(arena_.Allocate(bytes))) {
    FillWeights(data_, bytes / 2);
  }
  const char* data() const { return reinterpret_cast<const char*>(data_); }

 private:
  Arena arena_;
  uint16_t* data_;
};

const void* ColdWeights::Next(size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  const size_t wanted = std::max({bytes, size_t{256} << 20, 4 * LastLevelCache()});
  if (wanted > size_) {
    memory_.reset();
    memory_ = std::make_unique<ColdMemory>(wanted);
    size_ = wanted;
    at_ = 0;
  }
  if (at_ + bytes > size_) at_ = 0;
  const char* next = memory_->data() + at_;
  at_ += bytes;
  return next;
}

ColdWeights& TheWeights() {
  static ColdWeights weights;
  return weights;
}

namespace {

// Of one call of the work, in each round.
struct Rounds {
  std::vector<double> seconds;
  std::vector<double> shares[3];  // in percent: of the multiply-add peak, of memory's read rate, of the first-level cache's
  std::vector<double> bound;      // of the one that binds
};
constexpr const char* kCeilingNames[3] = {"multiply-add", "memory", "cache"};
constexpr size_t kCacheBytes = size_t{16} << 10;

// How often to measure what takes so long: the median of few is better than a run that nobody waits for.
int RoundsFor(double seconds) {
  const Options& options = TheOptions();
  if (options.rounds > 0) return options.rounds;
  if (seconds > 0.5) return options.quick ? 3 : 5;
  return options.quick ? 5 : 9;
}

Rounds Measure(const Work& work, Team& team) {
  Ceilings& ceilings = TheCeilings();
  const bool wanted[3] = {work.flops > 0, work.from_memory,
                          work.flops == 0 && !work.from_memory && work.bytes > 0 && !work.isa.empty() && work.threads == 1};
  const double amounts[3] = {work.flops, work.bytes, work.bytes};
  // A ceiling is the median of its slices. Beside a long batch few slices of a millisecond would say little: as many as
  // take a tenth of its time.
  size_t slices = 4;
  const auto slice = [&](int which) {
    if (which == 2) return ceilings.ReadCached(work.isa, kCacheBytes);
    std::vector<double> rates;
    for (size_t i = 0; i < slices; ++i) rates.push_back(which == 0 ? ceilings.Fma(work.isa, team) : ceilings.Read(team));
    return Median(rates);
  };
  const auto timed = [&](size_t calls) {
    const Stopwatch watch(work.threads);
    for (size_t i = 0; i < calls; ++i) work.call(team);
    return watch.Seconds() / static_cast<double>(calls);
  };
  double once = timed(1);                // grows buffers, touches pages
  if (once < 0.1) once = timed(1);       // beside a longer call that is little
  const size_t calls = static_cast<size_t>(std::clamp(std::ceil(kBatchSeconds / std::max(once, 1e-9)), 1.0, 1e6));
  slices = static_cast<size_t>(std::clamp(100 * once * static_cast<double>(calls), 4.0, 30.0));
  Rounds rounds;
  double before[3];
  for (int which = 0; which < 3; ++which) before[which] = wanted[which] ? slice(which) : 0;
  for (int round = RoundsFor(once); round > 0; --round) {
    rounds.seconds.push_back(timed(calls));
    double bound = 0;
    for (int which = 0; which < 3; ++which) {
      if (!wanted[which]) continue;
      const double after = slice(which);
      const double ceiling = std::max(before[which], after);
      before[which] = after;
      if (ceiling <= 0) continue;
      rounds.shares[which].push_back(100 * amounts[which] / rounds.seconds.back() / ceiling);
      bound = std::max(bound, rounds.shares[which].back());
    }
    if (bound > 0) rounds.bound.push_back(bound);
  }
  return rounds;
}

}  // namespace

Measured Run(benchmark::State& state, const Work& work) {
  Team team(PoolOf(work.threads), work.threads);
  Rounds rounds;
  for (auto _ : state) rounds = Measure(work, team);
  Measured measured;
  measured.seconds = Median(rounds.seconds);
  measured.pct_peak = Median(rounds.shares[0]);
  measured.pct_bandwidth = Median(rounds.shares[1]);
  measured.pct_bound = Median(rounds.bound);
  const double pct_cache = Median(rounds.shares[2]);

  Result result;
  result.name = RunningName();
  result.isa = work.isa;
  result.threads = work.threads;
  result.seconds = SpreadOf(rounds.seconds);
  if (rounds.bound.empty()) {
    result.unit = "second";
    result.more_is_better = false;
    result.figure = result.seconds;
  } else {
    result.unit = "percent";
    result.figure = SpreadOf(rounds.bound);
    result.ceiling = kCeilingNames[pct_cache > 0 ? 2 : measured.pct_bandwidth > measured.pct_peak ? 1 : 0];
  }
  const auto rate = [&](const char* name, double amount) {
    if (amount > 0) result.rates.emplace_back(name, amount / measured.seconds);
  };
  rate("tokens_per_second", work.tokens);
  rate("elements_per_second", work.elements);
  rate("operations_per_second", work.flops);
  rate("bytes_per_second", work.bytes);
  Keep(result);

  auto& counters = state.counters;
  counters["seconds"] = measured.seconds;  // becomes the time column (see main.cc)
  if (work.tokens > 0) counters["tokens/s"] = work.tokens / measured.seconds;
  if (work.elements > 0) {
    counters["elements/s"] = work.elements / measured.seconds;
    counters["ns/element"] = 1e9 * measured.seconds / work.elements;
  }
  if (work.flops > 0) counters["GFLOP/s"] = 1e-9 * work.flops / measured.seconds;
  if (work.bytes > 0) counters["GB/s"] = 1e-9 * work.bytes / measured.seconds;
  if (measured.pct_peak > 0) counters["pct_peak"] = measured.pct_peak;
  if (measured.pct_bandwidth > 0) counters["pct_bandwidth"] = measured.pct_bandwidth;
  if (pct_cache > 0) counters["pct_cache"] = pct_cache;
  if (measured.pct_peak > 0 && measured.pct_bandwidth > 0) counters["pct_bound"] = measured.pct_bound;
  return measured;
}

namespace {
std::string& Running() {
  static std::string name;
  return name;
}
}  // namespace

const std::string& RunningName() { return Running(); }

void Register(const std::string& name, std::function<void(benchmark::State&)> body) {
  if (TheOptions().goals && !IsOfAGoal(name)) return;
  benchmark::RegisterBenchmark(name.c_str(), [name, body = std::move(body)](benchmark::State& state) {
    Running() = name;
    try {
      body(state);
    } catch (const std::exception& e) {
      state.SkipWithError(e.what());
    }
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace invar::bench
