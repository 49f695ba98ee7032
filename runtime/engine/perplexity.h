// How well a model predicts a text (contract, section 3, "perplexity").
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/engine/engine.h"

namespace invar {

struct PerplexityOptions {
  size_t window = 0;  // tokens that the model sees at once; 0: all its positions
  size_t stride = 0;  // by how many tokens the window moves; 0: half of it. Each token but the first is counted once, in
                      // the first window that holds it and something before it
  std::function<void(size_t done, size_t total)> on_progress = [](size_t, size_t) {};
};

struct Perplexity {
  double perplexity = 0;
  // One standard error, nothing for one token: perplexity * sqrt(variance of the log-probabilities / count).
  std::optional<double> uncertainty;
  double mean = 0;         // of the log-probabilities
  size_t tokens = 0;       // counted
  size_t windows = 0;
};

// Throws UsageError for windows that cannot be, or a text of fewer than two tokens.
Perplexity ComputePerplexity(const Engine& engine, const std::vector<int32_t>& ids, const PerplexityOptions& options);

}  // namespace invar
