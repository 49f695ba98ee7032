#include "bench/harness.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

Measured Run(benchmark::State& state, const Work& work) {
  Ceilings& ceilings = TheCeilings();
  Team team(PoolOf(work.threads), work.threads);
  const bool wants_peak = work.flops > 0, wants_read = work.from_memory;
  Measured result;
  std::vector<double> seconds, peak_shares, read_shares, bound_shares;
  for (auto _ : state) {
    work.call(team);  // grows buffers, touches pages
    const Stopwatch first(work.threads);
    work.call(team);
    const double once = std::max(first.Seconds(), 1e-9);
    const size_t calls = static_cast<size_t>(std::clamp(std::ceil(kBatchSeconds / once), 1.0, 1e6));
    const int rounds = TheOptions().rounds > 0 ? TheOptions().rounds : TheOptions().quick ? 3 : 7;
    double peak = wants_peak ? ceilings.Fma(work.isa, team) : 0;
    double read = wants_read ? ceilings.Read(team) : 0;
    for (int round = 0; round < rounds; ++round) {
      const Stopwatch watch(work.threads);
      for (size_t i = 0; i < calls; ++i) work.call(team);
      const double each = watch.Seconds() / static_cast<double>(calls);
      seconds.push_back(each);
      double bound = 0;
      if (wants_peak) {
        const double next = ceilings.Fma(work.isa, team);
        peak_shares.push_back(100 * work.flops / each / std::max(peak, next));
        bound = peak_shares.back();
        peak = next;
      }
      if (wants_read) {
        const double next = ceilings.Read(team);
        read_shares.push_back(100 * work.bytes / each / std::max(read, next));
        bound = std::max(bound, read_shares.back());
        read = next;
      }
      bound_shares.push_back(bound);
    }
  }
  result.seconds = Median(seconds);
  result.pct_peak = Median(peak_shares);
  result.pct_bandwidth = Median(read_shares);
  result.pct_bound = Median(bound_shares);

  auto& counters = state.counters;
  counters["seconds"] = result.seconds;  // becomes the time column (see main.cc)
  if (work.tokens > 0) counters["tokens/s"] = work.tokens / result.seconds;
  if (work.elements > 0) {
    counters["elements/s"] = work.elements / result.seconds;
    counters["ns/element"] = 1e9 * result.seconds / work.elements;
  }
  if (wants_peak) {
    counters["GFLOP/s"] = 1e-9 * work.flops / result.seconds;
    counters["pct_peak"] = result.pct_peak;
  }
  if (work.bytes > 0) counters["GB/s"] = 1e-9 * work.bytes / result.seconds;
  if (wants_read) counters["pct_bandwidth"] = result.pct_bandwidth;
  if (wants_peak && wants_read) counters["pct_bound"] = result.pct_bound;
  return result;
}

void Register(const std::string& name, std::function<void(benchmark::State&)> body) {
  benchmark::RegisterBenchmark(name.c_str(), [body = std::move(body)](benchmark::State& state) {
    try {
      body(state);
    } catch (const std::exception& e) {
      state.SkipWithError(e.what());
    }
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace invar::bench
