// Section 6 of docs/numerics.md on plain vectors, step by step in its own order.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <vector>

namespace invar::oracle {

struct Sampling {
  float temperature = 0, top_p = 1, min_p = 0, repetition = 1, frequency = 0, presence = 0;
  uint64_t top_k = 0, seed = 0;
  std::map<int32_t, float> bias;
};

// Where the contract says "is an error".
struct SamplingError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// generated: by distinct id of prompt and output, how often it was generated.
int32_t Sample(const Sampling& p, std::vector<float> x, const std::map<int32_t, uint64_t>& generated, uint32_t position,
               uint32_t choice);

}  // namespace invar::oracle
