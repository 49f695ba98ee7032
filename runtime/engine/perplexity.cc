#include "runtime/engine/perplexity.h"

#include <algorithm>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/engine/score.h"
#include "runtime/model/exact.h"

namespace invar {

Perplexity ComputePerplexity(const Engine& engine, const std::vector<int32_t>& ids, const PerplexityOptions& options) {
  const size_t positions = engine.model().config().max_positions;
  const size_t window = options.window == 0 ? positions : options.window;
  if (window < 2 || window > positions) {
    throw UsageError("the window must be between 2 and the model's " + std::to_string(positions) + " positions");
  }
  const size_t stride = options.stride == 0 ? std::max<size_t>(1, window / 2) : options.stride;
  if (stride >= window) throw UsageError("the stride must be less than the window, so that every token has one before it");
  if (ids.size() < 2) throw UsageError("the text has fewer than two tokens, so nothing is predicted; give a longer one");

  // Log-probabilities by ascending position, whichever window they come from.
  std::vector<float> log_probabilities;
  Perplexity result;
  const size_t vocab = engine.vocab_size();
  for (size_t begin = 0, counted = 1; counted < ids.size(); begin += stride) {
    const size_t end = std::min(begin + window, ids.size());
    const std::vector<int32_t> part(ids.begin() + static_cast<ptrdiff_t>(begin), ids.begin() + static_cast<ptrdiff_t>(end));
    KvCache cache = engine.model().NewCache();
    // Token t is predicted by the row of t - 1.
    const size_t from = counted - 1 - begin;
    RequireMemory(SaturatingMultiply(part.size() - from, vocab * sizeof(float)), "the logits of a window need",
                  "use a shorter window");
    std::vector<float> logits((part.size() - from) * vocab);
    engine.Forward({{&cache, part.data(), part.size(), from}}, logits.data());
    for (; counted < end; ++counted) {
      const float* row = logits.data() + (counted - 1 - begin - from) * vocab;
      log_probabilities.push_back(LogProbability(engine.kernels(), row, vocab, ids[counted]));
    }
    ++result.windows;
    options.on_progress(counted, ids.size());
  }

  const ScopedFloatEnv env;
  double sum = 0, squares = 0;
  for (const float l : log_probabilities) sum = sum + static_cast<double>(l);
  result.tokens = log_probabilities.size();
  const double count = static_cast<double>(result.tokens);
  result.mean = sum / count;
  for (const float l : log_probabilities) {
    const double off = static_cast<double>(l) - result.mean;
    squares = squares + off * off;
  }
  result.perplexity = ExpOfDouble(-result.mean);
  if (result.tokens > 1) result.uncertainty = result.perplexity * SquareRootOfDouble(squares / (count - 1) / count);
  return result;
}

}  // namespace invar
