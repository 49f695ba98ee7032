// In place of reference.cc in builds for processors that have no MPFR here: nobody may ask (oracle::kHasFunctions).
#include <cstdio>
#include <cstdlib>

#include "tests/functions/reference.h"

namespace invar::functions_test {

const char* Name(Function function) {
  static const char* const names[kFunctions] = {"exp", "log", "tanh", "erfc", "sin", "cos"};
  return names[static_cast<int>(function)];
}

uint32_t Reference(Function, uint32_t, uint64_t*) {
  std::fputs("a function's reference was asked for in a build without MPFR\n", stderr);
  std::abort();
}

}  // namespace invar::functions_test
