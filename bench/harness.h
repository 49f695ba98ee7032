// How every benchmark here is run: in rounds, each a batch of calls between two measurements (of some slices) of the
// ceilings it is compared with. A figure is the median over the rounds; a share is the median of the rounds' own shares,
// each against the better of its two neighbours (a disturbance only ever lowers a ceiling).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/ceilings.h"
#include "bench/kernel_calls.h"
#include "bench/results.h"
#include "invar/kernels.h"
#include "runtime/kernels/operations.h"
#include "runtime/kernels/thread_pool.h"

namespace invar::bench {

struct Options {
  bool quick = false;
  bool goals = false;                         // only what a goal is about
  int rounds = 0;                             // 0: as RoundsFor says (harness.cc)
  std::vector<std::string> isas;              // empty: each benchmark's own choice
  std::vector<int> threads;                   // empty: 1 and all
  std::vector<std::filesystem::path> models;  // checkpoints beside the bundled ones
  double load_at_start = -1;                  // LoadAverage() (document.h) before anything ran
};
Options& TheOptions();

// Instruction sets for single kernels: all that this processor runs; quick: the best.
std::vector<std::string> KernelIsas();
// For whole operations and models: the best that this processor runs, and AVX2; quick: the best.
std::vector<std::string> OperationIsas();
std::vector<int> ThreadCounts();

// What one call does, and how to make it.
struct Work {
  std::string isa;
  int threads = 1;
  double flops = 0;          // a multiply-add counts as two; 0: no share of the peak is given
  double bytes = 0;          // read (or moved, for elementwise kernels)
  bool from_memory = false;  // the bytes come from memory: their share of read bandwidth is given; otherwise, where
                             // there are no flops, their share of the rate of reading the first-level cache
  double elements = 0;
  double tokens = 0;
  std::function<void(Team&)> call;
};

// One benchmark's result, kept for the summary at the end.
struct Figure {
  std::string table;  // which of the summary's tables it belongs to
  std::string row, column;
  double value = 0;
  int decimals = 1;
};

struct Measured {
  double seconds = 0;        // of one call
  double pct_peak = 0;       // 0: not given
  double pct_bandwidth = 0;  // 0: not given
  double pct_bound = 0;      // share of the roofline: the ceiling that binds
};

// Runs the work, keeps its result (results.h) and sets the benchmark's counters.
Measured Run(benchmark::State& state, const Work& work);

void Record(const Figure& figure);
// The geometric mean of a column of one of the summary's tables of shares.
struct Mean {
  std::string table, column;
  double value = 0;
  size_t figures = 0;
};
std::vector<Mean> Means();
void PrintSummary(std::FILE* to);

// Registers a benchmark of that name, if it is asked for. What `body` throws becomes the benchmark's error.
void Register(const std::string& name, std::function<void(benchmark::State&)> body);
// Of the benchmark that runs.
const std::string& RunningName();

// The pool of that many threads, made when first asked for.
ThreadPool& PoolOf(int threads);

const char* TypeName(invar_type type);

// The projections of GPT-2 124M and Qwen3-0.6B, each shape once.
struct Projection {
  const char* name;
  size_t n, k;
  bool head;  // one row at a time: nobody asks for the logits of all positions
};
const std::vector<Projection>& Projections();

// Weights of any storage type, more of them than any cache holds. Each call of Next gives `bytes` that have not been
// touched for longest, so an operation that asks before every call finds its weights in memory, as a model does whose
// layers follow one another. They lie in the allocator that models' weights lie in.
class ColdWeights {
 public:
  // What was given before stays valid unless more than the whole is asked for.
  const void* Next(size_t bytes);

 private:
  std::unique_ptr<class ColdMemory> memory_;
  size_t size_ = 0;
  size_t at_ = 0;
};
ColdWeights& TheWeights();

// The files of benchmarks.
void RegisterCeilings();
void RegisterKernels();
void RegisterFunctions();
void RegisterMatmul();
void RegisterTree();
void RegisterAttention();
void RegisterModels();
void RegisterProfiles();
void RegisterTokenizers();
void RegisterSampling();
void RegisterLoads();
// In place of all others (--sweep); what they found goes into charts and tables.
void RegisterSweeps();
void WriteSweeps(const std::filesystem::path& directory, std::FILE* to);

}  // namespace invar::bench
