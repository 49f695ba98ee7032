// Calls under floating-point modes that are not the contract's.
#pragma once

#include <gtest/gtest.h>

#include "tests/support/float_mode.h"

namespace invar::testing {

// Calls f as a program would that has set `mode`, and expects the mode to be there still when f returns.
template <class F>
void UnderMode(const FloatMode& mode, const F& f) {
  const uint64_t ours = ReadFloatMode();
  WriteFloatMode(mode.word);
  f();
  const uint64_t left = ReadFloatMode();
  WriteFloatMode(ours);
  EXPECT_EQ(left, mode.word) << "the mode '" << mode.name << "' was not given back";
}

}  // namespace invar::testing
