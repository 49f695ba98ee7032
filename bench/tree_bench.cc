// What the contract's tree costs: the whole Matmul() with the contract's leaves, and with sums of one chain each, which is
// what an engine without the contract would compute. The kernels are the same generated code compiled with two headers
// (one_chain/invar/tree.h); the two take turns, so that whatever the machine does meanwhile it does to both.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "invar/tree.h"
#include "runtime/kernels/selection.h"

namespace invar_one_chain {
std::vector<invar_kernel> OneChainKernels();
}

namespace invar::bench {
namespace {

const std::vector<invar_kernel>& OneChain() {
  static const std::vector<invar_kernel> kernels = invar_one_chain::OneChainKernels();
  return kernels;
}

// A turn of either, long enough that the clock is small beside it.
constexpr double kTurnSeconds = 2e-3;

void RunTree(benchmark::State& state, const Projection& projection, invar_type type, const std::string& isa, int threads,
             size_t m) {
  const Kernels tree = Kernels::Of(isa).InOnePass();  // a chain cannot be cut
  const Kernels chain = tree.WithMatmuls(OneChain());
  const size_t n = projection.n, k = projection.k;
  // Rows as models' lie. Both write to the same: where pages lie costs one of two buffers a percent or more.
  Scratch packed_rows, rows_in, rows_out;
  const Rows x = RowsOf(rows_in, m, k), y = RowsOf(rows_out, m, n);
  const std::vector<float> values = Values(m * k, -1, 1);
  for (size_t i = 0; i < m; ++i) std::copy_n(&values[i * k], k, x.row(i));
  const size_t weight_bytes = invar_packed_size(n, k) * TypeSize(type);
  Team team(PoolOf(threads), threads);
  const auto timed = [&](const Kernels& kernels, size_t calls) {
    const Stopwatch watch(threads);
    for (size_t i = 0; i < calls; ++i) {
      const Linear linear = {type, n, k, TheWeights().Next(weight_bytes), nullptr};
      Matmul({kernels, team, packed_rows}, linear, m, x, y);
    }
    return watch.Seconds() / static_cast<double>(calls);
  };
  std::vector<double> seconds, ratios;
  for (auto _ : state) {
    timed(tree, 1);
    timed(chain, 1);
    const double once = std::max(timed(tree, 1), 1e-9);
    const size_t calls = static_cast<size_t>(std::clamp(kTurnSeconds / once, 1.0, 1e5));
    const int rounds = TheOptions().rounds > 0 ? 5 * TheOptions().rounds : TheOptions().quick ? 15 : 45;
    for (int round = 0; round < rounds; ++round) {
      // Who goes first alternates, too.
      const bool tree_first = round % 2 == 0;
      double t = 0, c = 0;
      if (tree_first) t = timed(tree, calls);
      c = timed(chain, calls);
      if (!tree_first) t = timed(tree, calls);
      seconds.push_back(t);
      ratios.push_back(t / c);
    }
  }
  // One call each of the same weights. Other roundings must show, or the two would be the same kernel.
  const Linear same = {type, n, k, TheWeights().Next(weight_bytes), nullptr};
  const auto outputs = [&](const Kernels& kernels) {
    Matmul({kernels, team, packed_rows}, same, m, x, y);
    std::vector<float> all;
    for (size_t i = 0; i < m; ++i) all.insert(all.end(), y.row(i), y.row(i) + n);
    return all;
  };
  if (MatmulTreeOf(k).leaves > 1 && outputs(tree) == outputs(chain)) {
    throw std::runtime_error("one chain gave the bits of the tree: the kernels of bench/one_chain have the contract's leaves");
  }
  Result result;
  result.name = RunningName();
  result.isa = isa;
  result.threads = threads;
  result.unit = "times one chain";
  result.more_is_better = false;
  result.figure = SpreadOf(ratios);
  result.seconds = SpreadOf(seconds);
  Keep(result);
  state.counters["seconds"] = result.seconds.median;
  state.counters["tree/chain"] = result.figure.median;
  Record({"Tree: time with the contract's tree / time of one long chain, M = " + std::to_string(m),
          std::string(projection.name) + " " + std::to_string(n) + " x " + std::to_string(k),
          isa + " " + TypeName(type) + " " + std::to_string(threads) + "t", result.figure.median, 3});
}

}  // namespace

void RegisterTree() {
  const bool quick = TheOptions().quick;
  const std::vector<int> threads = quick ? std::vector<int>{ThreadCounts().front()} : ThreadCounts();
  for (const std::string& isa : OperationIsas()) {
    for (const invar_type type : {INVAR_F32, INVAR_BF16}) {
      if (quick && type != INVAR_F32) continue;
      for (const int t : threads) {
        for (const size_t m : {size_t{1}, size_t{512}}) {
          for (const Projection& projection : Projections()) {
            if (projection.head && m != 1) continue;
            const std::string name = std::string("Tree/") + TypeName(type) + "/" + isa + "/threads:" + std::to_string(t) +
                                     "/" + projection.name + "/M:" + std::to_string(m);
            Register(name, [=](benchmark::State& state) { RunTree(state, projection, type, isa, t, m); });
          }
        }
      }
    }
  }
}

}  // namespace invar::bench
