// The logits of a given text, computed in any of the ways that must not matter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"

namespace invar {

// How a text is fed: none of it changes a bit.
struct Feeding {
  size_t chunk = 0;  // tokens per forward pass; 0: all at once
  size_t batch = 1;  // rows of the batch: this text and batch - 1 others of other lengths
  uint64_t seed = 1;  // of the other rows' tokens and lengths
  const Kernels* kernels = nullptr;
  int threads = 0;
  Observer* observer = nullptr;  // sees the rows of this text alone

  std::string Describe() const;
};

// Logits of every token of `ids`: [ids.size()][vocab_size].
std::vector<float> Logits(const Engine& engine, const std::vector<int32_t>& ids, const Feeding& feeding);

// The log-probability that the model gives each token after the first: [ids.size() - 1] (contract, section 3,
// "log-softmax").
std::vector<float> LogProbabilities(const Engine& engine, const std::vector<int32_t>& ids,
                                    const std::vector<float>& logits);

// The log-probability of one token under a row of logits.
float LogProbability(const Kernels& kernels, const float* logits, size_t vocab_size, int32_t id);

}  // namespace invar
