// The whole Matmul() of the runtime at the shapes of GPT-2 124M and Qwen3-0.6B, packing of the rows counted, weights
// from memory: what a model's projections cost.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

void RunMatmul(benchmark::State& state, const Projection& projection, invar_type type, const std::string& isa,
               int threads, size_t m) {
  const Kernels& kernels = Kernels::Of(isa);
  Scratch rows_in, rows_out, packed_rows;  // as a model's lie
  const Rows x = RowsOf(rows_in, m, projection.k), y = RowsOf(rows_out, m, projection.n);
  const std::vector<float> values = Values(m * projection.k, -1, 1);
  for (size_t i = 0; i < m; ++i) std::copy_n(&values[i * projection.k], projection.k, x.row(i));
  const size_t weight_bytes = invar_packed_size(projection.n, projection.k) * TypeSize(type);
  Work work;
  work.isa = isa;
  work.threads = threads;
  work.flops = 2.0 * static_cast<double>(m) * static_cast<double>(projection.n * projection.k);
  work.bytes = static_cast<double>(projection.n * projection.k * TypeSize(type));
  work.from_memory = true;
  work.call = [&](Team& team) {
    const Linear linear = {type, projection.n, projection.k, TheWeights().Next(weight_bytes), nullptr};
    Matmul({kernels, team, packed_rows}, linear, m, x, y);
  };
  const Measured measured = Run(state, work);
  const bool vector = m == 1;
  const bool small = m <= 16;  // weights are read for so few rows that either ceiling may bind
  Figure figure;
  figure.table = "Matmul, M = " + std::to_string(m) + (vector  ? ": percent of read bandwidth"
                                                       : small ? ": percent of the ceiling that binds"
                                                               : ": percent of FMA peak");
  figure.row = std::string(projection.name) + " " + std::to_string(projection.n) + " x " + std::to_string(projection.k);
  figure.column = isa + " " + TypeName(type) + " " + std::to_string(threads) + "t";
  figure.value = vector ? measured.pct_bandwidth : small ? measured.pct_bound : measured.pct_peak;
  Record(figure);
}

}  // namespace

const std::vector<Projection>& Projections() {
  static const std::vector<Projection> projections = {
      {"gpt2.c_attn", 2304, 768, false},
      {"gpt2.attn.c_proj", 768, 768, false},
      {"gpt2.c_fc", 3072, 768, false},
      {"gpt2.mlp.c_proj", 768, 3072, false},
      {"gpt2.head", 50257, 768, true},
      {"qwen3.q_proj", 2048, 1024, false},
      {"qwen3.k_proj,v_proj", 1024, 1024, false},
      {"qwen3.o_proj", 1024, 2048, false},
      {"qwen3.gate_proj,up_proj", 3072, 1024, false},
      {"qwen3.down_proj", 1024, 3072, false},
      {"qwen3.head", 151936, 1024, true},
  };
  return projections;
}

void RegisterMatmul() {
  const std::vector<size_t> all_rows = TheOptions().quick ? std::vector<size_t>{1, 512}
                                                          : std::vector<size_t>{1, 2, 4, 8, 16, 64, 128, 512};
  for (const std::string& isa : OperationIsas()) {
    for (const invar_type type : {INVAR_F32, INVAR_BF16, INVAR_F16}) {
      for (const int threads : ThreadCounts()) {
        for (const size_t m : all_rows) {
          for (const Projection& projection : Projections()) {
            if (projection.head && m != 1) continue;
            const std::string name = std::string("Matmul/") + TypeName(type) + "/" + isa + "/threads:" +
                                     std::to_string(threads) + "/" + projection.name + "/M:" + std::to_string(m) +
                                     "/N:" + std::to_string(projection.n) + "/K:" + std::to_string(projection.k);
            Register(name, [=](benchmark::State& state) { RunMatmul(state, projection, type, isa, threads, m); });
          }
        }
      }
    }
  }
}

}  // namespace invar::bench
