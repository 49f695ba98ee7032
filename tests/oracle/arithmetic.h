// The arithmetic of docs/numerics.md, sections 1, 4 and 5, one value at a time, written from that page alone. Shares no
// code with the kernels.
#pragma once

#include <cstdint>
#include <cstring>

namespace invar::oracle {

// Whether the functions below were built: they need MPFR.
#ifdef INVAR_WITHOUT_MPFR
inline constexpr bool kHasFunctions = false;
#else
inline constexpr bool kHasFunctions = true;
#endif


// Here, to be inlined: a call returns a float on 32-bit x86 in a register of x87, which makes a signalling NaN a quiet one.
inline uint32_t Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}
inline float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// "A NaN that an operation stores is stored as 0x7FC00000."
float Stored(float x);

// The fused multiply-add, one rounding, in integer arithmetic: no floating-point instruction takes part.
float FmaByIntegers(float a, float b, float c);

// The same by the C library, which this machine's is checked against FmaByIntegers for (oracle_test.cc): fast enough for
// millions.
float Fma(float a, float b, float c);

// Correctly rounded (section 5).
float Exp(float x);
float Log(float x);
float Tanh(float x);
float Erfc(float x);
float Sin(float x);
float Cos(float x);

// "bf16 and f16 widen exactly."
float WidenBf16(uint16_t h);
float WidenF16(uint16_t h);

}  // namespace invar::oracle
