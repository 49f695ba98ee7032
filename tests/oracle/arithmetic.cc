#include "tests/oracle/arithmetic.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "tests/functions/reference.h"

namespace invar::oracle {
namespace {

// An exact value (-1)^sign * magnitude * 2^exponent; 128 bits hold a product of two binary32 fractions with room to
// shift a third into place. Processors of 32 bits have no such integers: there only a binary16 is rounded, which needs few.
#ifdef __SIZEOF_INT128__
using Wide = unsigned __int128;
#else
using Wide = uint64_t;
#endif

int TopBit(Wide x) {
  int top = -1;
  for (; x != 0; x >>= 1) ++top;
  return top;
}

#ifdef __SIZEOF_INT128__
struct Exact {
  bool negative;
  Wide magnitude;
  int exponent;
};

Exact Unpack(float x) {
  const uint32_t bits = Bits(x);
  const uint32_t biased = bits >> 23 & 0xFF, fraction = bits & 0x7FFFFF;
  if (biased == 0) return {(bits >> 31) != 0, fraction, -149};
  return {(bits >> 31) != 0, fraction | 0x800000, static_cast<int>(biased) - 150};
}

#endif

// Rounds magnitude * 2^exponent, with `sticky` telling that a little more lies below, to nearest even.
float Round(bool negative, Wide magnitude, int exponent, bool sticky) {
  const uint32_t sign = negative ? 0x80000000u : 0;
  if (magnitude == 0) return FromBits(sign);
  const int top = TopBit(magnitude) + exponent;            // the value lies in [2^top, 2^(top + 1))
  const int unit = top < -126 ? -149 : top - 23;           // exponent of the result's last place
  const int drop = unit - exponent;
  Wide kept;
  if (drop <= 0) {
    kept = magnitude << -drop;
  } else {
    const bool all = drop > 126;
    kept = all ? 0 : magnitude >> drop;
    const Wide rest = all ? magnitude : magnitude & ((Wide{1} << drop) - 1);
    const Wide half = all ? ~Wide{0} : Wide{1} << (drop - 1);
    if (rest > half || (rest == half && (sticky || (kept & 1) != 0))) ++kept;
  }
  // A carry into the next power of two is the next encoding.
  const uint32_t fraction = static_cast<uint32_t>(kept);
  const int64_t encoded = unit == -149 && fraction < 0x800000
                              ? fraction
                              : (static_cast<int64_t>(unit + 150) << 23) + (static_cast<int64_t>(fraction) - 0x800000);
  if (encoded >= 0x7F800000) return FromBits(sign | 0x7F800000u);
  return FromBits(sign | static_cast<uint32_t>(encoded));
}

}  // namespace

float Stored(float x) { return (Bits(x) & 0x7FFFFFFFu) > 0x7F800000u ? FromBits(0x7FC00000u) : x; }

#ifdef __SIZEOF_INT128__
float FmaByIntegers(float a, float b, float c) {
  const uint32_t infinity = 0x7F800000u;
  const uint32_t ma = Bits(a) & 0x7FFFFFFFu, mb = Bits(b) & 0x7FFFFFFFu, mc = Bits(c) & 0x7FFFFFFFu;
  const bool product_negative = (Bits(a) ^ Bits(b)) >> 31 != 0, c_negative = Bits(c) >> 31 != 0;
  if (ma > infinity || mb > infinity || mc > infinity) return FromBits(0x7FC00000u);
  if (ma == infinity || mb == infinity) {
    if (ma == 0 || mb == 0) return FromBits(0x7FC00000u);                              // infinity times zero
    if (mc == infinity && c_negative != product_negative) return FromBits(0x7FC00000u);  // infinity minus infinity
    return FromBits((product_negative ? 0x80000000u : 0) | infinity);
  }
  if (mc == infinity) return c;

  const Exact x = Unpack(a), y = Unpack(b), z = Unpack(c);
  Exact p = {product_negative, x.magnitude * y.magnitude, x.exponent + y.exponent};
  Exact q = {c_negative, z.magnitude, z.exponent};
  if (p.magnitude == 0 && q.magnitude == 0) return FromBits(p.negative && q.negative ? 0x80000000u : 0);
  if (p.magnitude == 0) return c;
  if (q.magnitude == 0) return Round(p.negative, p.magnitude, p.exponent, false);

  // Both with their top bit at 2^100 of the fixed-point frame of the greater one; what of the smaller falls off below is
  // kept as a sticky bit in its last place.
  for (Exact* e : {&p, &q}) {
    const int shift = 100 - TopBit(e->magnitude);
    e->magnitude <<= shift;
    e->exponent -= shift;
  }
  if (p.exponent < q.exponent) std::swap(p, q);
  const int distance = p.exponent - q.exponent;
  bool sticky = false;
  if (distance > 0) {
    const bool all = distance > 120;
    sticky = all || (q.magnitude & ((Wide{1} << distance) - 1)) != 0;
    q.magnitude = all ? 0 : q.magnitude >> distance;
  }
  // With 76 bits below any rounding place, an odd last bit stands for everything that fell off.
  if (sticky) q.magnitude |= 1;
  if (p.negative == q.negative) return Round(p.negative, p.magnitude + q.magnitude, p.exponent, false);
  if (p.magnitude == q.magnitude) return 0.0f;
  if (p.magnitude > q.magnitude) return Round(p.negative, p.magnitude - q.magnitude, p.exponent, false);
  return Round(q.negative, q.magnitude - p.magnitude, p.exponent, false);
}

#endif

#ifdef __EMSCRIPTEN__  // its library's asks for the inexact flag, which WebAssembly does not have, and rounds twice
float Fma(float a, float b, float c) { return FmaByIntegers(a, b, c); }
#else
float Fma(float a, float b, float c) { return std::fma(a, b, c); }
#endif

namespace {
float Evaluate(functions_test::Function function, float x) {
  return FromBits(functions_test::Reference(function, Bits(x)));
}
}  // namespace

float Exp(float x) { return Evaluate(functions_test::Function::kExp, x); }
float Log(float x) { return Evaluate(functions_test::Function::kLog, x); }
float Tanh(float x) { return Evaluate(functions_test::Function::kTanh, x); }
float Erfc(float x) { return Evaluate(functions_test::Function::kErfc, x); }
float Sin(float x) { return Evaluate(functions_test::Function::kSin, x); }
float Cos(float x) { return Evaluate(functions_test::Function::kCos, x); }

float WidenBf16(uint16_t h) { return FromBits(static_cast<uint32_t>(h) << 16); }

float WidenF16(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, exponent = h >> 10 & 0x1F, fraction = h & 0x3FF;
  if (exponent == 31) return FromBits(sign | 0x7F800000u | fraction << 13);
  if (exponent == 0) return Round(sign != 0, fraction, -24, false);
  return Round(sign != 0, fraction | 0x400, static_cast<int>(exponent) - 25, false);
}

}  // namespace invar::oracle
