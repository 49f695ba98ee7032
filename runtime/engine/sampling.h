// Sampling (contract, section 6): from one row of logits to one token, by integer arithmetic wherever a sum is taken.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "runtime/kernels/selection.h"

namespace invar {

// As a user gives them; each is rounded to binary32 before use. The defaults are greedy.
struct SamplingParameters {
  double temperature = 0;  // 0: the argmax
  uint64_t top_k = 0;      // 0: off
  double top_p = 1;        // 1 or more: off
  double min_p = 0;        // 0 or less: off
  double repetition_penalty = 1;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  std::map<int32_t, double> logit_bias;
  uint64_t seed = 0;

  // Throws UsageError for a value that has no meaning.
  void Check() const;
};

// The four words of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
struct PhiloxWords {
  uint32_t v[4];
};
PhiloxWords Philox(const uint32_t key[2], const uint32_t counter[4]);

// The tokens of one sequence as the penalties see them.
class TokenCounts {
 public:
  void AddPrompt(int32_t id) { counts_.try_emplace(id, 0); }
  void AddGenerated(int32_t id) { ++counts_[id]; }
  // Every distinct id of prompt and output, with how often it was generated.
  const std::map<int32_t, uint64_t>& counts() const { return counts_; }

 private:
  std::map<int32_t, uint64_t> counts_;
};

// Picks the next token of a sequence that holds `position` tokens already. `choice` tells draws of one position apart.
// Throws Error where a NaN or +infinity turns up, or nothing is finite.
int32_t SampleToken(const Kernels& kernels, const SamplingParameters& parameters, const float* logits,
                    size_t vocab_size, const TokenCounts& counts, uint32_t position, uint32_t choice = 0);

}  // namespace invar
