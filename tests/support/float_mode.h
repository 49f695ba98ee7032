// Floating-point modes that a calling program may have set, for tests that show that none of them matters.
#pragma once

#include <bit>
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
#elif defined(__riscv)
// frm: to zero 1, down 2, up 3, to nearest with ties away from zero 4. It has no mode that flushes.
inline uint64_t ReadFloatMode() {
  unsigned long word;
  asm volatile("frrm %0" : "=r"(word)::"memory");
  return word;
}
inline void WriteFloatMode(uint64_t word) { asm volatile("fsrm %0" ::"r"(static_cast<unsigned long>(word)) : "memory"); }
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {{"round to zero", 1}, {"round down", 2}, {"round up", 3}, {"ties away from zero", 4}};
  return modes;
}
#elif defined(__arm__) && defined(__ARM_FP)
// FPSCR: FZ 1 << 24, rounding 3 << 22 as on AArch64.
inline uint64_t ReadFloatMode() {
  uint32_t word;
  asm volatile("vmrs %0, fpscr" : "=r"(word)::"memory");
  return word & 0x01C00000u;
}
inline void WriteFloatMode(uint64_t word) { asm volatile("vmsr fpscr, %0" ::"r"(static_cast<uint32_t>(word)) : "memory"); }
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {{"flush to zero", 1u << 24}, {"round up", 1u << 22}, {"round down", 2u << 22}, {"round to zero", 3u << 22}};
  return modes;
}
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__) && defined(__ALTIVEC__)
// FPSCR's rounding in the low two bits (to zero 1, up 2, down 3); VSCR's NJ, by which vmaddfp and its like flush, as bit 32.
using VscrWords = unsigned int __attribute__((vector_size(16)));
inline uint64_t ReadFloatMode() {
  VscrWords vscr;
  asm volatile("mfvscr %0" : "=v"(vscr)::"memory");
  return (std::bit_cast<uint64_t>(__builtin_mffs()) & 3) | ((vscr[0] & 0x10000u) != 0 ? uint64_t{1} << 32 : 0);
}
inline void WriteFloatMode(uint64_t word) {
  __builtin_mtfsf(0xFF, std::bit_cast<double>(word & 0xFFFFFFFFu));
  const VscrWords vscr = {(word >> 32 & 1) != 0 ? 0x10000u : 0u, 0, 0, 0};
  asm volatile("mtvscr %0" ::"v"(vscr) : "memory");
}
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {{"vectors flush to zero", uint64_t{1} << 32},
                                               {"round to zero", 1},
                                               {"round up", 2},
                                               {"round down", 3},
                                               {"round up, vectors flush to zero", (uint64_t{1} << 32) | 2}};
  return modes;
}
#elif defined(__s390x__)
// FPC: rounding in the low three bits (to zero 1, up 2, down 3).
inline uint64_t ReadFloatMode() {
  uint32_t word;
  asm volatile("efpc %0" : "=d"(word)::"memory");
  return word & 7;
}
inline void WriteFloatMode(uint64_t word) { asm volatile("sfpc %0" ::"d"(static_cast<uint32_t>(word)) : "memory"); }
inline const std::vector<FloatMode>& FloatModes() {
  static const std::vector<FloatMode> modes = {{"round to zero", 1}, {"round up", 2}, {"round down", 3}};
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
