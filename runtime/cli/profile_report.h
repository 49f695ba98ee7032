// What invar generate --profile prints: each operation's calls, time and share of its phase.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/kernels/profile.h"
#include "runtime/kernels/selection.h"

namespace invar::cli {

// Attention computes its softmax leaf by leaf between its two products, where no clock could be read without changing what
// it measures. Its part is estimated: the weights that it computed, times what one costs the softmax of rows (the same
// maximum, exponentials and sum, and a division more).
struct SoftmaxCost {
  int64_t picoseconds = 0;  // of one weight, on one thread
  int threads = 1;          // that share the work
};
// Takes some milliseconds.
SoftmaxCost MeasureSoftmax(const Kernels& kernels, int threads);

// A table of operations, the largest first, and a line that says what part of the phase the small operations (softmax, norms,
// activations, rope, embedding, sampling) take. `nanoseconds`: of the whole phase; what no span covers is "other".
std::string ProfileReport(const std::string& phase, size_t tokens, int64_t nanoseconds, const Profile& profile,
                          const SoftmaxCost& softmax);

// The number of that last line.
double SmallPercent(int64_t nanoseconds, const Profile& profile, const SoftmaxCost& softmax);

}  // namespace invar::cli
