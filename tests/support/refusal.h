// What an Error says, for tests of what is refused.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace invar::testing {

// The sentence that f ends with; "" where it does not throw.
template <class F>
std::string Refusal(const F& f) {
  try {
    f();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

// f throws an Error of one line that holds each of `words`.
template <class F>
void ExpectRefusal(const F& f, const std::vector<std::string>& words) {
  const std::string said = Refusal(f);
  EXPECT_NE(said, "") << "not refused: " << words[0];
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  for (const std::string& word : words) EXPECT_NE(said.find(word), std::string::npos) << "no '" << word << "' in: " << said;
}

}  // namespace invar::testing
