// Floating-point modes that a calling program may have set, for tests that show that none of them matters.
#pragma once

#include <cstdint>
#include <vector>

#if defined(__x86_64__) || defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace invar::testing {

struct FloatMode {
  const char* name;
  uint64_t word;
};

#if defined(__x86_64__) || defined(__SSE__)
// MXCSR: FTZ 0x8000, rounding 0x6000 (down 0x2000, up 0x4000, to zero 0x6000), DAZ 0x0040; a trap's mask cleared unmasks it.
inline uint64_t ReadFloatMode() { return _mm_getcsr() & ~uint64_t{0x3F}; }
// Clears the sticky flags too: one left set would raise its trap at once when that is unmasked.
inline void WriteFloatMode(uint64_t word) { _mm_setcsr(static_cast<uint32_t>(word)); }
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {
      {"flush to zero", 0x9F80},        {"denormals are zero", 0x1FC0}, {"flush to zero, denormals are zero", 0x9FC0},
      {"round down", 0x3F80},           {"round up", 0x5F80},           {"round to zero", 0x7F80},
      {"all traps unmasked", 0x0000},   {"round up, flush, denormals are zero, traps unmasked", 0xC040}};
  return modes;
}
#elif defined(__aarch64__)
// FPCR: FZ 1 << 24, rounding 3 << 22 (up 1, down 2, to zero 3).
inline uint64_t ReadFloatMode() {
  uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word)::"memory");
  return word;
}
inline void WriteFloatMode(uint64_t word) { asm volatile("msr fpcr, %0" ::"r"(word) : "memory"); }
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {{"flush to zero", uint64_t{1} << 24},
                                               {"round up", uint64_t{1} << 22},
                                               {"round down", uint64_t{2} << 22},
                                               {"round to zero", uint64_t{3} << 22}};
  return modes;
}
#else
inline uint64_t ReadFloatMode() { return 0; }
inline void WriteFloatMode(uint64_t) {}
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes;
  return modes;
}
#endif

}  // namespace invar::testing
