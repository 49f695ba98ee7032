// Generation: prompts in, tokens out, one at a time, several sequences as one batch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/sampling.h"

namespace invar {

struct GenerateRequest {
  std::vector<int32_t> prompt;
  size_t max_tokens = 0;            // 0: until an end token or the model's positions
  SamplingParameters sampling;
  std::vector<int32_t> end_tokens;  // generation stops at any of these; the end token itself is not returned
};

enum class FinishReason { kEndToken, kLength, kStopped, kError };

struct GenerateResult {
  std::vector<int32_t> ids;                // generated, without the end token
  std::vector<float> log_probabilities;    // of each of ids, under the unmodified logits
  FinishReason reason = FinishReason::kLength;
  std::string error;                       // with kError: why there is no next token, in one sentence
};

// In integers: the caller's floating-point mode is none of their business.
struct GenerateTimes {
  int64_t prefill_nanoseconds = 0, decode_nanoseconds = 0;
  size_t prefill_tokens = 0, decode_tokens = 0;
};

// The times of the operations of either phase.
struct GenerateProfile {
  Profile prefill, decode;
};

// Called for each token as it is chosen, with the request's index; false stops that request, the token kept.
using OnToken = std::function<bool(size_t request, int32_t id, float log_probability)>;

// One step of a request.
struct GenerateStep {
  size_t request = 0;
  size_t position = 0;            // tokens of the sequence that the row was computed from
  const float* logits = nullptr;  // [vocab_size], as the model gave them: before bias, penalties, temperature and truncation
  int32_t id = -1;                // chosen, end tokens included; -1 where none could be
};

// Called for each step, before OnToken; also for the one that draws an end token, and for one whose logits hold a NaN. A
// forward pass that fails has no logits, and so no step.
using OnStep = std::function<void(const GenerateStep& step)>;

// All requests proceed together, a batch of rows a step; a request's tokens depend on its own prompt and parameters
// alone. Throws Error or UsageError before anything is generated where a request cannot be served. A sequence that comes
// to a NaN ends with kError; the others go on as they would without it.
std::vector<GenerateResult> Generate(const Engine& engine, const std::vector<GenerateRequest>& requests,
                                     const OnToken& on_token, GenerateTimes* times = nullptr,
                                     const OnStep& on_step = nullptr, GenerateProfile* profile = nullptr);

}  // namespace invar
