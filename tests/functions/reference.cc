#include "tests/functions/reference.h"

#include <mpfr.h>

#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace invar {
namespace functions_test {
namespace {

constexpr uint32_t kNaN = 0x7FC00000u;
constexpr uint32_t kInfinity = 0x7F800000u;

float FromBits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

uint32_t ToBits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "reference: %s\n", what);
  abort();
}

// A working number that lives as long as its thread.
struct Number {
  mpfr_t value;
  Number() { mpfr_init2(value, 200); }
  ~Number() {
    mpfr_clear(value);
    mpfr_free_cache();  // this thread's; without it a leak checker counts it
  }
};

// v, known to 200 bits, to binary32: one rounding, at the place of binary32's last bit there.
uint32_t RoundOnce(mpfr_srcptr v) {
  if (mpfr_nan_p(v)) return kNaN;
  const uint32_t sign = mpfr_signbit(v) ? 0x80000000u : 0;
  if (mpfr_inf_p(v)) return sign | kInfinity;
  if (mpfr_zero_p(v)) return sign;
  const long exponent = mpfr_get_exp(v);  // 2^(exponent - 1) <= |v| < 2^exponent
  const long lowest = exponent - 24 > -149 ? exponent - 24 : -149;
  const long precision = exponent - lowest;
  if (precision < 0) return sign;  // below 2^-150
  if (precision == 0) {
    // 2^-150 <= |v| < 2^-149: up, but for the tie itself.
    return mpfr_cmpabs_ui(v, 0) > 0 && mpfr_min_prec(v) > 1 ? sign | 1 : sign;
  }
  thread_local Number rounded;
  mpfr_set_prec(rounded.value, precision);
  mpfr_set(rounded.value, v, MPFR_RNDN);
  const double exact = mpfr_get_d(rounded.value, MPFR_RNDN);
  if (exact >= 0x1p+128 || exact <= -0x1p+128) return sign | kInfinity;
  return ToBits(static_cast<float>(exact));
}

// The C library's functions of binary64 and of the x87's 64-bit format. They err by a few units of their last place at
// most; the filters below believe them only where thousands of units would not matter.
template <class Float>
Float Wide(Function function, Float x) {
  switch (function) {
    case Function::kExp:
      return std::exp(x);
    case Function::kLog:
      return std::log(x);
    case Function::kTanh:
      return std::tanh(x);
    case Function::kErfc:
      return std::erfc(x);
    case Function::kSin:
      return std::sin(x);
    case Function::kCos:
      return std::cos(x);
  }
  Fail("no such function");
}

// |r| = significand * 2^(exponent - (bits - 1)), the significand's top bit set unless r is too small to matter; to
// binary32 by one rounding, where that does not depend on the last log2(doubt) of the bits: true, and the answer. 24
// bits are kept, or fewer for subnormal results, and what counts is where the dropped ones lie beside their middle.
bool Decide(uint32_t sign, uint64_t significand, int exponent, int bits, uint64_t doubt, uint32_t* result) {
  if (significand == 0 || exponent < -152) {
    *result = sign;  // zero, or far below half of the least subnormal number
    return true;
  }
  int dropped = bits - 24;
  if (exponent < -126) {
    dropped += -126 - exponent;
    exponent = -126;
  }
  if (dropped >= 64) return false;
  const uint64_t rest = significand & ((uint64_t{1} << dropped) - 1);
  const uint64_t middle = uint64_t{1} << (dropped - 1);
  const uint64_t distance = rest > middle ? rest - middle : middle - rest;
  if (distance < doubt) return false;
  const uint64_t kept = (significand >> dropped) + (rest > middle ? 1 : 0);
  // The significand's top bit, where it has one, adds 1 to the exponent; so does a carry out of the rounding.
  const uint64_t packed = (static_cast<uint64_t>(exponent + 126) << 23) + kept;
  *result = packed >= kInfinity ? sign | kInfinity : sign | static_cast<uint32_t>(packed);
  return true;
}

// binary64 has 29 bits beyond binary32. With a doubt of 2^16 units it answers for all but one argument in 2^12.
bool Filter(double r, uint64_t doubt, uint32_t* result) {
  uint64_t bits;
  memcpy(&bits, &r, sizeof(bits));
  const uint32_t sign = static_cast<uint32_t>(bits >> 63) << 31;
  const int biased = static_cast<int>(bits >> 52 & 0x7FF);
  const uint64_t fraction = bits & 0x000FFFFFFFFFFFFFull;
  if (biased == 0x7FF) {
    *result = fraction != 0 ? kNaN : sign | kInfinity;
    return true;
  }
  const uint64_t significand = biased == 0 ? 0 : fraction | 0x0010000000000000ull;  // binary64's subnormals: as zero
  return Decide(sign, significand, biased - 1023, 53, doubt, result);
}

#if LDBL_MANT_DIG == 64
// The x87's format has 40 bits beyond binary32: answers for all but one argument in 2^15, and may err by 2^24 units.
bool Filter(long double r, uint32_t* result) {
  unsigned char bytes[sizeof(r)];
  memcpy(bytes, &r, sizeof(r));
  uint64_t significand;
  uint16_t head;
  memcpy(&significand, bytes, sizeof(significand));
  memcpy(&head, bytes + 8, sizeof(head));
  const int biased = head & 0x7FFF;
  if (biased == 0x7FFF) return false;
  return Decide((head & 0x8000u) ? 0x80000000u : 0, significand, biased - 16383, 64, uint64_t{1} << 24, result);
}
#endif

}  // namespace

const char* Name(Function function) {
  static const char* const kNames[kFunctions] = {"exp", "log", "tanh", "erfc", "sin", "cos"};
  return kNames[static_cast<int>(function)];
}

uint32_t ReferenceByMpfr(Function function, uint32_t argument) {
  thread_local Number x, v;
  mpfr_set_prec(x.value, 24);
  mpfr_set_flt(x.value, FromBits(argument), MPFR_RNDN);
  switch (function) {
    case Function::kExp:
      mpfr_exp(v.value, x.value, MPFR_RNDN);
      break;
    case Function::kLog:
      mpfr_log(v.value, x.value, MPFR_RNDN);
      break;
    case Function::kTanh:
      mpfr_tanh(v.value, x.value, MPFR_RNDN);
      break;
    case Function::kErfc:
      mpfr_erfc(v.value, x.value, MPFR_RNDN);
      break;
    case Function::kSin:
      mpfr_sin(v.value, x.value, MPFR_RNDN);
      break;
    case Function::kCos:
      mpfr_cos(v.value, x.value, MPFR_RNDN);
      break;
  }
  return RoundOnce(v.value);
}

bool IsHardToRound(Function function, uint32_t argument, uint64_t units) {
  uint32_t result;
  return !Filter(Wide(function, static_cast<double>(FromBits(argument))), units, &result);
}

uint32_t Reference(Function function, uint32_t argument, uint64_t* asked_mpfr) {
  const float x = FromBits(argument);
  uint32_t result;
  if (Filter(Wide(function, static_cast<double>(x)), uint64_t{1} << 16, &result)) return result;
#if LDBL_MANT_DIG == 64
  if (Filter(Wide(function, static_cast<long double>(x)), &result)) return result;
#endif
  if (asked_mpfr != nullptr) ++*asked_mpfr;
  return ReferenceByMpfr(function, argument);
}

}  // namespace functions_test
}  // namespace invar
