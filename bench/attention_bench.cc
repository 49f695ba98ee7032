// The whole Attention() of the runtime at Qwen3-0.6B's shape: a prompt's prefill, and one decode step over a long cache.
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/kernels/selection.h"
#include "runtime/model/kv_cache.h"

namespace invar::bench {
namespace {

constexpr AttentionShape kShape = {16, 8, 128, 0.08838834764f, 0};
constexpr size_t kKvWidth = kShape.kv_heads * kShape.d, kWidth = kShape.heads * kShape.d;

// Layers of one sequence, filled; enough of them that a step finds its layer in memory, as a whole model's step does.
KvCache FilledCache(const Kernels& kernels, Team& team, size_t layers, size_t length) {
  KvCache cache(layers, kShape.kv_heads, kShape.d);
  cache.Reserve(length);
  std::vector<float> k = Values(length * kKvWidth, -1, 1, 1), v = Values(length * kKvWidth, -1, 1, 2);
  Scratch unused;
  const int64_t stride = kKvWidth;
  for (size_t layer = 0; layer < layers; ++layer) {
    StoreKeysAndValues({kernels, team, unused}, kShape, {0, length, 0, cache.layer(layer)}, {k.data(), stride},
                       {v.data(), stride});
  }
  cache.SetLength(length);
  return cache;
}

// `rows` queries, the last of which is the last position of a context of `length`.
void RunAttention(benchmark::State& state, const std::string& table, const std::string& isa, int threads, size_t rows,
                  size_t length) {
  const Kernels& kernels = Kernels::Of(isa);
  const bool decode = rows == 1;
  const double cache_bytes = 2.0 * 4 * static_cast<double>(length * kKvWidth);
  const size_t most = std::max(size_t{256} << 20, 4 * LastLevelCache());
  const size_t layers = decode ? most / static_cast<size_t>(cache_bytes) + 1 : 1;
  Scratch packed_rows;
  size_t layer = 0;
  std::vector<float> q = Values(rows * kWidth, -1, 1, 3), y(rows * kWidth);
  const KvCache cache = [&] {
    Team team(PoolOf(threads), threads);
    return FilledCache(kernels, team, layers, length);
  }();
  Work work;
  work.isa = isa;
  work.threads = threads;
  // Each query sees all positions up to its own.
  const double pairs = static_cast<double>(rows) * (static_cast<double>(length - rows) + (1.0 + static_cast<double>(rows)) / 2);
  work.flops = 4.0 * static_cast<double>(kWidth) * pairs;
  work.bytes = cache_bytes;
  work.from_memory = decode;
  work.call = [&](Team& team) {
    Attention({kernels, team, packed_rows}, kShape, {{0, rows, length - rows, cache.layer(layer)}},
              {q.data(), static_cast<int64_t>(kWidth)}, {y.data(), static_cast<int64_t>(kWidth)});
    layer = (layer + 1) % layers;
  };
  const Measured measured = Run(state, work);
  const std::string prefill = "prefill of " + (rows < length ? std::to_string(rows) + " up to " : "");
  Record({table, (decode ? "decode at " : prefill) + std::to_string(length), isa + " " + std::to_string(threads) + "t",
          decode ? measured.pct_bandwidth : measured.pct_peak});
}

}  // namespace

void RegisterAttention() {
  const std::string table = "Attention: percent of FMA peak (prefill), of read bandwidth (decode)";
  struct Case {
    size_t rows, length;
    bool quick;
  };
  constexpr Case kCases[] = {{512, 512, true}, {4096, 4096, false}, {512, 32768, false},
                             {1, 512, false},  {1, 4096, true},     {1, 32768, true}};
  for (const std::string& isa : OperationIsas()) {
    for (const int threads : ThreadCounts()) {
      for (const Case& c : kCases) {
        if (TheOptions().quick && !c.quick) continue;
        const std::string name = std::string("Attention/f32/") + isa + "/threads:" + std::to_string(threads) +
                                 (c.rows == 1         ? "/decode:"
                                  : c.rows < c.length ? "/prefill:" + std::to_string(c.rows) + "_to:"
                                                      : "/prefill:") +
                                 std::to_string(c.length);
        Register(name, [=](benchmark::State& state) { RunAttention(state, table, isa, threads, c.rows, c.length); });
      }
    }
  }
}

}  // namespace invar::bench
