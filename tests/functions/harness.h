// The vector functions of every compiled instruction set, and a comparison of them with the reference on many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/functions/reference.h"

namespace invar {
namespace functions_test {

// y[i] = f(x[i]).
using Map = void (*)(const float* x, float* y, size_t n);

struct Target {
  const char* name;
  bool supported;  // by this processor
  // How it evaluates (docs/functions.md), exp and the others: "unfused", "fused" or in pairs. One proof serves all targets
  // of the same method, for every step of one is an IEEE 754 operation.
  const char* exp_method;
  const char* method;
  Map functions[kFunctions];  // null: not among them
};

// Every compiled target, best first, called directly; after one whose exp is evaluated in pairs, what decides where these do not, alone.
const std::vector<Target>& Targets();
// Those of them that this processor supports and that have the function.
std::vector<const Target*> Supported(Function function);
const char* MethodOf(const Target& target, Function function);

struct Outcome {
  const Target* target;
  uint64_t compared = 0;
  uint64_t asked_mpfr = 0;  // for so many of them only MPFR could tell the result
  uint64_t wrong = 0;
  struct Case {
    uint32_t argument, result, expected;
  };
  std::vector<Case> cases;  // the first few wrong ones, by argument
};

// Compares argument(i) for i in [0, count) on each of the targets; the reference is computed once for all of them.
std::vector<Outcome> Compare(Function function, const std::vector<const Target*>& targets, uint64_t count,
                             const std::function<uint32_t(uint64_t)>& argument, int threads);

// A line for people: function, target, numbers of comparisons and of wrong results, the wrong ones.
std::string Describe(Function function, const Outcome& outcome);

}  // namespace functions_test
}  // namespace invar
