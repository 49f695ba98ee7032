// From a row of logits to a token, on one core: as each kind of parameters takes it, over the vocabularies of GPT-2 and Qwen3.
#include <cmath>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/engine/sampling.h"

namespace invar::bench {
namespace {

// Normally distributed, as a trained model's are more or less, and a few tokens that stand out.
std::vector<float> MadeLogits(size_t vocab_size) {
  std::vector<float> logits(vocab_size);
  uint32_t state = 7;
  const auto uniform = [&state] {
    state = state * 1664525 + 1013904223;
    return (static_cast<double>(state >> 8) + 0.5) / 16777216;
  };
  for (float& x : logits) x = static_cast<float>(3 * std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform()));
  for (size_t i = 0; i < 20; ++i) logits[i * (vocab_size / 20)] = 18 - 0.5f * static_cast<float>(i);
  return logits;
}

}  // namespace

void RegisterSampling() {
  struct Kind {
    const char* name;
    double temperature;
    uint64_t top_k;
    double top_p, min_p;
  };
  const Kind kinds[] = {{"greedy", 0, 0, 1, 0},          {"temperature:1", 1, 0, 1, 0},
                        {"top_k:20_top_p:0.95", 0.6, 20, 0.95, 0}, {"top_p:0.95", 1, 0, 0.95, 0},
                        {"top_p:0.95_flat", 2, 0, 0.95, 0}, {"min_p:0.05", 1, 0, 1, 0.05}};
  const std::pair<const char*, size_t> vocabularies[] = {{"gpt2", 50257}, {"qwen3", 151936}};
  for (const auto& [vocabulary, size] : vocabularies) {
    for (const Kind& kind : kinds) {
      const std::string name = vocabulary, what = kind.name;
      SamplingParameters parameters;
      parameters.temperature = kind.temperature;
      parameters.top_k = kind.top_k;
      parameters.top_p = kind.top_p;
      parameters.min_p = kind.min_p;
      Register("Sampling/" + name + "/" + what, [=, size = size](benchmark::State& state) {
        const std::vector<float> logits = MadeLogits(size);
        TokenCounts counts;
        for (int32_t id = 0; id < 100; ++id) counts.AddPrompt(id * 7);
        const Kernels& kernels = Kernels::Of("");
        Work work;
        work.elements = static_cast<double>(size);
        uint32_t position = 0;
        int64_t drawn = 0;
        work.call = [&](Team&) { drawn += SampleToken(kernels, parameters, logits.data(), size, counts, position++); };
        const Measured measured = Run(state, work);
        benchmark::DoNotOptimize(drawn);
        Record({"Sampling: microseconds a token on one core", name, what, 1e6 * measured.seconds});
      });
    }
  }
}

}  // namespace invar::bench
