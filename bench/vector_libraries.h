// Other people's vector functions, for comparison: glibc's libmvec and the sleef package, where the build found them.
#pragma once

#include <cstddef>
#include <vector>

namespace invar::bench {

struct LibraryFunction {
  const char* library;  // "libmvec", "sleef"
  const char* isa;      // Highway's name of the instruction set whose registers it takes
  const char* function;
  void (*map)(size_t n, const float* x, float* y);  // n a multiple of 16
};

// Those that this processor runs.
std::vector<LibraryFunction> LibraryFunctions();

}  // namespace invar::bench
