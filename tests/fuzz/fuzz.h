// What the fuzz targets share. A target gets any bytes at all; it may refuse them with an Error, and nothing else: another
// exception, a crash, a leak, a hang or a broken promise (Require) is a bug. Its input goes into
// corpus/<target>/, which an ordinary build runs again as a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace invar::fuzzing {

// Unlike assert, also in a release build.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

inline std::string_view Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Whether f accepted its input; an Error must say something.
template <class F>
bool Accepts(const F& f) {
  try {
    f();
    return true;
  } catch (const Error& e) {
    Require(std::string_view(e.what()).size() > 10, "an error is a sentence");
    return false;
  }
}

}  // namespace invar::fuzzing
