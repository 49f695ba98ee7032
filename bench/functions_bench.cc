// exp, log, tanh, erfc, sin and cos in cycles an element, on every instruction set, beside glibc's and sleef's vector
// functions (which are not correctly rounded; docs/functions.md has a table).
//
// A cycle is measured, not taken from a data sheet: a chain of additions, each of which waits for the one before, takes one
// cycle each on every processor. Such a chain and the function take turns in slices of some microseconds, and the least time
// of either counts: a neighbour, an interrupt or a lower clock only ever adds to it. One thread, operands in cache.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/vector_libraries.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

constexpr size_t kElements = 4096;

struct Range {
  const char* function;
  const char* name;
  std::vector<float> values;
};

// Finite, of either sign where `both`, every exponent as often as any other.
std::vector<float> EveryExponent(bool both) {
  std::vector<float> values(kElements);
  uint32_t state = 12345;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    uint32_t bits = both ? state : state >> 1;
    if ((bits & 0x7F800000u) == 0x7F800000u) bits ^= 0x40000000u;
    std::memcpy(&v, &bits, sizeof(v));
  }
  return values;
}

// What models ask for first: with --quick it is the only one.
const std::vector<Range>& Ranges() {
  static const std::vector<Range> ranges = {
      {"exp", "softmax:-20..0", Values(kElements, -20, 0)},
      {"exp", "wide:-104..89", Values(kElements, -104, 89)},
      {"tanh", "activation:-4..4", Values(kElements, -4, 4)},
      {"tanh", "wide:every_exponent", EveryExponent(true)},
      {"log", "sum:1..4096", Values(kElements, 1, 4096)},
      {"log", "wide:every_exponent", EveryExponent(false)},
      {"erfc", "activation:-4..4", Values(kElements, -4, 4)},
      {"erfc", "wide:-4..10", Values(kElements, -4, 10)},
      {"sin", "rope:0..1048575", Values(kElements, 0, 1048575)},
      {"sin", "wide:every_exponent", EveryExponent(true)},
      {"cos", "rope:0..1048575", Values(kElements, 0, 1048575)},
      {"cos", "wide:every_exponent", EveryExponent(true)},
  };
  return ranges;
}

// One addition a cycle. Not of a constant: there are processors that add those while renaming registers.
uint64_t Chain(uint64_t x, uint64_t y) {
  for (int i = 0; i < 1000; ++i) {
    const auto add = [&] {
      x += y;
      asm volatile("" : "+r"(x));
    };
    add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add(), add();
  }
  return x;
}
constexpr double kChainCycles = 16000;

template <class F>
double Timed(const F& f) {
  const Stopwatch watch(2);  // the wall clock's: a thread's processor time comes in ticks too coarse for microseconds
  f();
  return watch.Seconds();
}

void Measure(benchmark::State& state, const std::string& row, const std::string& column, const std::vector<float>& x,
             const std::function<void(const float* x, float* y)>& map) {
  std::vector<float> y(kElements);
  uint64_t one = 1;
  asm volatile("" : "+r"(one));  // a value that the compiler does not know
  double chain = 1e30, call = 1e30;
  std::vector<double> ratios;  // for the noise: of each slice
  constexpr int kCalls = 4;
  for (auto _ : state) {
    const int slices = TheOptions().rounds > 0 ? 300 * TheOptions().rounds : TheOptions().quick ? 300 : 2000;
    for (int slice = 0; slice < slices; ++slice) {
      const double chain_now = Timed([&] { benchmark::DoNotOptimize(Chain(slice, one)); });
      const double call_now = Timed([&] {
        for (int i = 0; i < kCalls; ++i) map(x.data(), y.data());
      });
      chain = std::min(chain, chain_now);
      call = std::min(call, call_now);
      ratios.push_back(call_now / kCalls / chain_now * kChainCycles / kElements);
    }
  }
  const double seconds = call / kCalls, cycles = seconds / chain * kChainCycles / kElements;
  state.counters["seconds"] = seconds;
  state.counters["ns/element"] = 1e9 * seconds / kElements;
  state.counters["cycles/element"] = cycles;
  state.counters["GHz"] = 1e-9 * kChainCycles / chain;
  Result result;
  result.name = RunningName();
  result.unit = "cycle/element";
  result.more_is_better = false;
  result.figure = SpreadOf(ratios);
  result.rates = {{"least", cycles}};
  Keep(result);
  Record({"Functions: cycles an element, one thread, from cache", row, column, cycles, 2});
}

}  // namespace

void RegisterFunctions() {
  const std::vector<std::string> isas = KernelIsas();
  const auto wanted = [&](const char* isa) { return std::find(isas.begin(), isas.end(), isa) != isas.end(); };
  size_t count = 0;
  const invar_kernel* kernels = invar_kernels(&count);
  std::string last;
  for (const Range& range : Ranges()) {
    if (TheOptions().quick && last == range.function) continue;
    last = range.function;
    const std::string row = std::string(range.function) + " " + range.name;
    const auto add = [&](const std::string& who, const std::string& isa, auto map) {
      Register("Function/" + std::string(range.function) + "/" + range.name + "/" + who + "/" + isa,
               [=, &range](benchmark::State& state) {
                 Measure(state, row, who == "invar" ? isa : who + " " + isa, range.values, map);
               });
    };
    for (const invar_kernel* kernel = kernels; kernel != kernels + count; ++kernel) {
      if (std::strcmp(kernel->operation, range.function) != 0 || !wanted(kernel->isa)) continue;
      add("invar", kernel->isa, [kernel](const float* x, float* y) {
        const invar_map_args args = {kElements, x, nullptr, y};
        kernel->call.map(&args);
      });
    }
    for (const LibraryFunction& other : LibraryFunctions()) {
      if (std::strcmp(other.function, range.function) != 0) continue;
      if (!TheOptions().isas.empty() && !wanted(other.isa)) continue;
      add(other.library, other.isa, [other](const float* x, float* y) { other.map(kElements, x, y); });
    }
  }
}

}  // namespace invar::bench
