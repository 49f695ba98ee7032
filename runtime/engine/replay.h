// A receipt computed again, and compared step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/receipt.h"

namespace invar {

// What a step came to, by the receipt or here.
struct ReplayStep {
  std::string logits;  // SHA-256 of the row; empty where there is no such step
  int32_t id = -1;     // chosen, an end token included; -1: none
  std::string finish;  // FinishName where the sequence has ended before this step or with it; empty where it goes on
};

// Where a sequence parts from its receipt: the first step that is not the same.
struct ReplayDifference {
  size_t sequence = 0, step = 0;  // from 0
  size_t position = 0;            // tokens of the sequence that the step's logits are computed from
  ReplayStep expected, found;
};

struct ReplayResult {
  size_t steps = 0;                           // that are the same, of all sequences
  std::vector<ReplayDifference> differences;  // one of a sequence at most, in the order of the sequences
};

// Generates every sequence again, `batch` of them at once (0: all), and compares each step's logits by their SHA-256, the
// token chosen, and how the sequence ended. A sequence stops at its first difference. A receipt's texts are not looked at: a
// sequence that a stop string ended is taken to end after as many tokens. Throws Error for a sequence that the model cannot
// be asked for (an id outside the vocabulary, a prompt longer than its positions), whatever its receipt says.
ReplayResult Replay(const Engine& engine, const Receipt& receipt, size_t batch = 0);

}  // namespace invar
