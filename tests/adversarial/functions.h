// The functions of docs/numerics.md, section 5, at every argument that is known to be hard, and at a share of all others.
#pragma once

#include <cstdint>
#include <string>

#include "tests/adversarial/case.h"

namespace invar::adversarial {

bool IsFunction(const Operation& operation);

struct FunctionDigest {
  std::string sha256;   // of the results, in the order of the arguments
  std::string failure;  // the first difference; empty: none
  uint64_t with_oracle = 0, between = 0;
};

// The same arguments for the same seed, whatever kernels there are.
FunctionDigest DigestOfFunction(const Operation& operation, uint64_t seed);

}  // namespace invar::adversarial
