// exp, log, tanh, erfc, sin, cos, correctly rounded to binary32 for every input (docs/numerics.md, section 5).
//
// Each function is evaluated in binary64 (exp nearly never where it can be in pairs of floats) and then rounded once more to
// binary32. Every step is one IEEE 754 operation, so the bits do not depend on the vector's width, the processor or the
// compiler. There are three methods: with + - * / alone, and, on processors that have it, with the fused multiply-add, which
// is shorter, and for exp a third (exp_pairs-inl.h). A correctly rounded function is its own specification, so all of them
// give the same bits, each by its own proof (docs/functions.md). The binary64 value errs by about one unit of its last place
// (by a few tens for erfc where x > 2), and 2^29 of these make one unit of binary32: only an argument whose exact result
// lies about that near to the middle between two binary32 values can round wrongly. Those few are found by trying all 2^32
// arguments (tests/functions/prove_functions.cc), and the ones that do go wrong are named here with their results (Patch):
// nine in all six functions, the same ones with either method. Changing any step, constant or order below means running that
// proof again.
//
// The methods: argument reductions and the forms of the polynomials as in Muller and others, Handbook of Floating-Point
// Arithmetic (2nd edition, chapters 10 and 11), and in fdlibm; polynomials rather than Tang's tables, because a gather
// costs more than the few additional terms on most processors. codegen/functions/derive.py derives all the numbers.
#if defined(INVAR_SIMD_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_FUNCTIONS_INL_H_
#undef INVAR_SIMD_FUNCTIONS_INL_H_
#else
#define INVAR_SIMD_FUNCTIONS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "invar/simd/exp_pairs-inl.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/function_tables.h"
#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The floats that belong to a vector of doubles, lane for lane.
template <class D64>
using FloatTag = hn::Rebind<float, D64>;
template <class D64>
using FloatVec = hn::Vec<FloatTag<D64>>;

namespace function_detail {

namespace table = ::invar::function_tables;

// Adding this rounds |x| < 2^51 to the nearest integer, ties to even, and leaves it in the low bits of the sum.
constexpr double kRoundToInteger = 0x1.8p+52;

template <class D32>
HWY_INLINE hn::Vec<D32> Infinity(D32 d32) {
  return hn::BitCast(d32, hn::Set(hn::RebindToUnsigned<D32>(), 0x7F800000u));
}

template <class D32>
HWY_INLINE hn::Vec<D32> OneNaN(D32 d32) {
  return hn::BitCast(d32, hn::Set(hn::RebindToUnsigned<D32>(), 0x7FC00000u));
}

// y, but `result` where x is `argument` (both as bits): for the few arguments whose exact result lies so near to the
// middle between two binary32 values that the binary64 value falls on the middle or beyond it.
template <class D32, class V32 = hn::Vec<D32>>
HWY_INLINE V32 Patch(D32 d32, V32 x, uint32_t argument, uint32_t result, V32 y) {
  const hn::RebindToUnsigned<D32> du;
  return hn::IfThenElse(hn::Eq(x, hn::BitCast(d32, hn::Set(du, argument))), hn::BitCast(d32, hn::Set(du, result)), y);
}

// c[kFirst] + c[kFirst + 1] x + ... + c[kFirst + kTerms - 1] x^(kTerms - 1) with kTerms <= 4, given x^2.
template <size_t kFirst, size_t kTerms, size_t kCount, class D64, class V = hn::Vec<D64>>
HWY_INLINE V Quad(D64 d64, V x, V x2, const double (&c)[kCount]) {
  if constexpr (kTerms == 1) {
    return hn::Set(d64, c[kFirst]);
  } else if constexpr (kTerms == 2) {
    return MultiplyAdd(x, hn::Set(d64, c[kFirst + 1]), hn::Set(d64, c[kFirst]));
  } else {
    return MultiplyAdd(x2, Quad<kFirst + 2, kTerms - 2>(d64, x, x2, c), Quad<kFirst, 2>(d64, x, x2, c));
  }
}

// The terms from kFirst on, divided by x^kFirst, four at a time: a much shorter chain of dependent operations than
// Horner's for two multiplications more (Estrin's scheme stopped halfway), because latency bounds the speed here.
template <size_t kFirst, size_t kCount, class D64, class V = hn::Vec<D64>>
HWY_INLINE V Quads(D64 d64, V x, V x2, V x4, const double (&c)[kCount]) {
  if constexpr (kFirst + 4 >= kCount) {
    return Quad<kFirst, kCount - kFirst>(d64, x, x2, c);
  } else {
    return MultiplyAdd(x4, Quads<kFirst + 4>(d64, x, x2, x4, c), Quad<kFirst, 4>(d64, x, x2, c));
  }
}

// c[0] + c[1] x + c[2] x^2 + ...
template <size_t kCount, class D64, class V = hn::Vec<D64>>
HWY_INLINE V Polynomial(D64 d64, V x, V x2, const double (&c)[kCount]) {
  return Quads<0>(d64, x, x2, hn::Mul(x2, x2), c);
}

// x = n ln(2) + r with |r| <= ln(2) / 2, for |x| < 350: n sits in the low bits of `rounded`. n * kLn2High is exact (9
// and 44 bits), and so is the difference from x for the arguments that occur (multiples of 2^-48 below 2^9, or n = 0).
// The last subtraction rounds, an error of at most 2^-55.
template <class D64, class V = hn::Vec<D64>>
HWY_INLINE void ReduceByLn2(D64 d64, V x, V& rounded, V& r) {
  const V magic = hn::Set(d64, kRoundToInteger);
  rounded = MultiplyAdd(x, hn::Set(d64, table::kLog2E), magic);
  const V n = hn::Sub(rounded, magic);
  r = SubtractProduct(n, hn::Set(d64, table::kLn2Low), SubtractProduct(n, hn::Set(d64, table::kLn2High), x));
}

// e^r - 1 for |r| <= ln(2) / 2. No digits are lost for small r: r itself is added last. Its error is at most 2^-55 of
// rounding (and 2^-57 of the polynomial), a quarter of a unit of the smallest 1 + (e^r - 1).
template <class D64, class V = hn::Vec<D64>>
HWY_INLINE V ExpMinusOne(D64 d64, V r) {
  const V r2 = hn::Mul(r, r);
  const V r4 = hn::Mul(r2, r2);
  if constexpr (kFused64) return MultiplyAdd(r2, Quads<0>(d64, r, r2, r4, table::kExp), r);
  const V start = hn::Mul(r2, Quad<0, 4>(d64, r, r2, table::kExp));
  const V end = hn::Mul(hn::Mul(r2, r4), Quads<4>(d64, r, r2, r4, table::kExp));
  return hn::Add(r, hn::Add(start, end));
}

// v * 2^n, n in the low bits of `rounded`, by adding to the exponent's bits: v and the product are normal numbers.
template <class D64, class V = hn::Vec<D64>>
HWY_INLINE V Scale(D64 d64, V v, V rounded) {
  const hn::RebindToUnsigned<D64> du;
  return hn::BitCast(d64, hn::Add(hn::BitCast(du, v), hn::ShiftLeft<52>(hn::BitCast(du, rounded))));
}

}  // namespace function_detail

// From here on: what is stored for a NaN is the contract's one NaN, so a caller that stores these needs no more care.

// exp. e^x = 2^n e^r. The reduction and e^r - 1 err by 2^-55 or a little more each, the last addition by half a unit of
// a result that is at least 2^-1/2: about one unit together.
template <class D64>
HWY_INLINE FloatVec<D64> Exp(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  using V = hn::Vec<D64>;
  const FloatTag<D64> d32;
  // Beyond these bounds binary32 overflows or rounds to zero, whatever the argument.
  const auto clamped = hn::Max(hn::Min(x, hn::Set(d32, 89.0f)), hn::Set(d32, -104.0f));
  V rounded, r;
  ReduceByLn2(d64, hn::PromoteTo(d64, clamped), rounded, r);
  const V e = Scale(d64, hn::Add(hn::Set(d64, 1.0), ExpMinusOne(d64, r)), rounded);
  const auto y = NarrowToFloat(d64, e);
  return hn::IfThenElse(hn::IsNaN(x), OneNaN(d32), y);
}

// log. x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1: log x = k ln(2) + f - f^2/2 + s (f^2/2 + z R(z)),
// s = f / (2 + f), z = s^2, as fdlibm does it. m has 24 bits, so f, 2 + f, f^2/2 and f - f^2/2 are exact.
template <class D64>
HWY_INLINE FloatVec<D64> Log(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  using V = hn::Vec<D64>;
  const FloatTag<D64> d32;
  const hn::RebindToUnsigned<D64> du;
  const auto bits = hn::BitCast(du, hn::PromoteTo(d64, x));  // a subnormal binary32 is a normal binary64
  // Counting binades from sqrt(1/2), cut to 20 bits after the point, instead of from 1: then |f| is at most 0.42.
  const auto root_half = hn::Set(du, uint64_t{0x3FE6A09E00000000});
  const auto shifted = hn::Sub(hn::Add(bits, hn::Set(du, uint64_t{0x3FF0000000000000})), root_half);
  const auto biased = hn::ShiftRight<52>(shifted);
  const V m = hn::BitCast(d64, hn::Add(hn::And(shifted, hn::Set(du, uint64_t{0x000FFFFFFFFFFFFF})), root_half));
  // An integer below 2^52 put into 2^52's low bits: an exact conversion.
  const V k = hn::Sub(hn::BitCast(d64, hn::Or(biased, hn::Set(du, uint64_t{0x4330000000000000}))),
                      hn::Set(d64, 0x1p+52 + 1023.0));
  const V f = hn::Sub(m, hn::Set(d64, 1.0));
  const V s = hn::Div(f, hn::Add(f, hn::Set(d64, 2.0)));
  const V z = hn::Mul(s, s);
  const V half_square = hn::Mul(hn::Set(d64, 0.5), hn::Mul(f, f));
  const V rest = MultiplyAdd(z, Polynomial(d64, z, hn::Mul(z, z), table::kLog), half_square);
  const V small = MultiplyAdd(s, rest, hn::Mul(k, hn::Set(d64, table::kLn2Low)));
  // k * kLn2High is exact, and greater than f - f^2/2 unless k = 0: a fast two-sum keeps their sum's error.
  const V large = hn::Mul(k, hn::Set(d64, table::kLn2High));
  const V middle = hn::Sub(f, half_square);
  const V high = hn::Add(large, middle);
  const V low = hn::Add(hn::Sub(large, high), middle);
  auto y = hn::DemoteTo(d32, hn::Add(high, hn::Add(low, small)));
  y = Patch(d32, x, 0x3C413D3Au, 0xC08E158Fu, y);
  y = Patch(d32, x, 0x41178FEBu, 0x400FE5E7u, y);
  y = Patch(d32, x, 0x4C5D65A5u, 0x418F034Bu, y);
  y = Patch(d32, x, 0x65D890D3u, 0x4254D1F9u, y);
  y = Patch(d32, x, 0x6F31A8ECu, 0x42845A89u, y);
  const auto zero = hn::Zero(d32);
  const auto infinity = Infinity(d32);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), y);
  y = hn::IfThenElse(hn::Eq(x, infinity), x, y);
  return hn::IfThenElse(hn::Ge(x, zero), y, OneNaN(d32));
}

// tanh. With E = e^(2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1): tanh |x| = E / (E + 2). No digits are lost for small x,
// where n = 0. e^r - 1, E and the quotient each round once or twice: two units of binary64 at most.
template <class D64>
HWY_INLINE FloatVec<D64> Tanh(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  using V = hn::Vec<D64>;
  const FloatTag<D64> d32;
  const auto a = hn::PromoteTo(d64, hn::Min(hn::Abs(x), hn::Set(d32, 10.0f)));  // tanh(10) rounds to 1
  V rounded, r;
  ReduceByLn2(d64, hn::Add(a, a), rounded, r);
  const V one = hn::Set(d64, 1.0);
  const V power = Scale(d64, one, rounded);
  const V e = MultiplyAdd(power, ExpMinusOne(d64, r), hn::Sub(power, one));
  const auto y = hn::DemoteTo(d32, hn::Div(e, hn::Add(e, hn::Set(d64, 2.0))));
  return hn::IfThenElse(hn::IsNaN(x), OneNaN(d32), hn::CopySignToAbs(y, x));
}

// erfc. For x >= 0, erfc x = e^(-x^2) (1 + u Q(u)) with u = x / (x + 2.5), by one polynomial for the whole line
// (Schonfelder, "Chebyshev expansions for the error and related functions", 1978, uses such a variable); x^2 is exact.
// erfc(-x) = 2 - erfc x. Written around u = 0 so that it is most accurate for small |x|, where most floats are.
template <class D64>
HWY_INLINE FloatVec<D64> Erfc(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  using V = hn::Vec<D64>;
  const FloatTag<D64> d32;
  const V wide = hn::PromoteTo(d64, x);
  const V a = hn::Min(hn::Abs(wide), hn::Set(d64, table::kErfcEnd));
  const V u = hn::Div(a, hn::Add(a, hn::Set(d64, table::kErfcShift)));
  V rounded, r;
  ReduceByLn2(d64, hn::Neg(hn::Mul(a, a)), rounded, r);
  const V e = hn::Add(hn::Set(d64, 1.0), ExpMinusOne(d64, r));
  const V w = hn::Mul(u, Polynomial(d64, u, hn::Mul(u, u), table::kErfc));
  const V right = Scale(d64, MultiplyAdd(e, w, e), rounded);
  const V left = hn::Sub(hn::Set(d64, 2.0), right);
  auto y = hn::DemoteTo(d32, hn::IfThenElse(hn::Lt(wide, hn::Zero(d64)), left, right));
  y = Patch(d32, x, 0xB76C9F62u, 0x3F800085u, y);
  return hn::IfThenElse(hn::IsNaN(x), OneNaN(d32), y);
}

namespace function_detail {

// |x| = n pi/2 + (high + low), |high| <= pi/4 and a little, for |x| <= 2^22; n modulo 4 in the low bits of `rounded`
// (Cody and Waite). n < 2^22 times 30 bits is exact, so is its difference from |x|, and so is n * kHalfPi2. The
// subtraction that makes `high` is exact below 2^-7, where the digits cancel, and its error is known above.
template <class D64, class V = hn::Vec<D64>>
HWY_INLINE void ReduceByHalfPi(D64 d64, V a, V& rounded, V& high, V& low) {
  const V magic = hn::Set(d64, kRoundToInteger);
  rounded = MultiplyAdd(a, hn::Set(d64, table::kTwoOverPi), magic);
  const V n = hn::Sub(rounded, magic);
  const V first = SubtractProduct(n, hn::Set(d64, table::kHalfPi1), a);
  const V second_factor = hn::Set(d64, table::kHalfPi2);
  high = SubtractProduct(n, second_factor, first);
  low = SubtractProduct(n, hn::Set(d64, table::kHalfPi3), SubtractProduct(n, second_factor, hn::Sub(first, high)));
  // The third part may reach 2^-39; the polynomials want `low` within a rounding error of `high`.
  const V sum = hn::Add(high, low);
  low = hn::Add(hn::Sub(high, sum), low);
  high = sum;
}

// The same for 2^22 <= |x|, infinities and NaNs giving anything (Payne and Hanek): |x| = m 2^E, and m times a table's
// 2^E * 2/pi modulo 4, in three pieces, is the number of quarter turns.
template <class D64, class V = hn::Vec<D64>>
HWY_NOINLINE void ReduceLarge(D64 d64, V a, V& rounded, V& high, V& low) {
  const hn::RebindToUnsigned<D64> du;
  const hn::RebindToSigned<D64> di;
  const auto bits = hn::BitCast(du, a);
  // Smaller arguments, whose lanes are not used, read the table's first entry.
  const auto first_exponent = hn::Set(du, uint64_t{1023 + 22});
  const auto exponent = hn::ShiftRight<52>(bits);
  const auto large = hn::Ge(a, hn::Set(d64, 0x1p+22));
  const auto infinite = hn::Ge(a, hn::Set(d64, 0x1p+128));
  auto entry = hn::IfThenElseZero(hn::RebindMask(du, large), hn::Sub(exponent, first_exponent));
  entry = hn::IfThenElse(hn::RebindMask(du, infinite), hn::Set(du, uint64_t{128 - 22}), entry);
  const auto index = hn::BitCast(di, entry);
  const V m = hn::BitCast(d64, hn::Or(hn::And(bits, hn::Set(du, uint64_t{0x000FFFFFFFFFFFFF})),
                                      hn::Set(du, uint64_t{0x3FF0000000000000})));
  const V p1 = hn::Mul(m, hn::GatherIndex(d64, table::kTwoOverPi1, index));  // exact: multiples of 2^-27 below 2^26
  const V p2 = hn::Mul(m, hn::GatherIndex(d64, table::kTwoOverPi2, index));  // exact: multiples of 2^-55 below 2^-3
  const V p3 = hn::Mul(m, hn::GatherIndex(d64, table::kTwoOverPi3, index));  // below 2^-31, error 2^-84
  const V magic = hn::Set(d64, kRoundToInteger);
  rounded = hn::Add(hn::Add(p1, p2), magic);
  // The turn's fraction, as turn + turn_low: exact but for p3's error. Where |f1| < |p2| their sum is exact.
  const V f1 = hn::Sub(p1, hn::Sub(rounded, magic));
  const V turn = hn::Add(f1, p2);
  const V turn_low = hn::Add(hn::Add(hn::Sub(f1, turn), p2), p3);
  // Times pi/2, splitting both into halves whose product is exact.
  const V top = hn::BitCast(d64, hn::And(hn::BitCast(du, turn), hn::Set(du, uint64_t{0xFFFFFFFFF8000000})));
  const V bottom = hn::Sub(turn, top);
  const V product = hn::Mul(top, hn::Set(d64, table::kHalfPiHigh));
  const V rest = MultiplyAdd(top, hn::Set(d64, table::kHalfPiLow),
                        hn::Mul(hn::Add(bottom, turn_low), hn::Set(d64, table::kHalfPi)));
  high = hn::Add(product, rest);
  low = hn::Add(hn::Sub(product, high), rest);
}

// sin(|x|) for quadrant = 0, cos(|x|) = sin(|x| + pi/2) for quadrant = 1.
template <uint64_t kQuadrant, class D64>
HWY_INLINE hn::Vec<D64> SinOrCos(D64 d64, hn::Vec<D64> a) {
  using V = hn::Vec<D64>;
  const hn::RebindToUnsigned<D64> du;
  V rounded, high, low;
  ReduceByHalfPi(d64, a, rounded, high, low);
  const auto small = hn::Le(a, hn::Set(d64, 0x1p+22));
  if (HWY_UNLIKELY(!hn::AllTrue(d64, small))) {
    V large_rounded, large_high, large_low;
    ReduceLarge(d64, a, large_rounded, large_high, large_low);
    rounded = hn::IfThenElse(small, rounded, large_rounded);
    high = hn::IfThenElse(small, high, large_high);
    low = hn::IfThenElse(small, low, large_low);
  }
  const V z = hn::Mul(high, high);
  const V z2 = hn::Mul(z, z);
  const V half = hn::Mul(z, hn::Set(d64, 0.5));
  const V one = hn::Set(d64, 1.0);
  // cos(high + low) = 1 - z/2 + (z^2 C(z) - high low), the error of 1 - z/2 kept.
  const V most = hn::Sub(one, half);
  const V kept = hn::Sub(hn::Sub(one, most), half);
  const V cos_tail = SubtractProduct(high, low, hn::Mul(z2, Polynomial(d64, z, z2, table::kCos)));
  const V cosine = hn::Add(most, hn::Add(kept, cos_tail));
  // sin(high + low) = high + (high z S(z) + low (1 - z/2)).
  const V sin_tail = hn::Mul(hn::Mul(high, z), Polynomial(d64, z, z2, table::kSin));
  const V sine = hn::Add(high, MultiplyAdd(low, most, sin_tail));
  // n counts quarter turns: odd ones exchange sine and cosine, the second bit is the sign.
  const auto n = hn::Add(hn::BitCast(du, rounded), hn::Set(du, kQuadrant));
  const auto odd = hn::Ne(hn::And(n, hn::Set(du, uint64_t{1})), hn::Zero(du));
  const auto sign = hn::ShiftLeft<62>(hn::And(n, hn::Set(du, uint64_t{2})));
  const V y = hn::IfThenElse(hn::RebindMask(d64, odd), cosine, sine);
  return hn::BitCast(d64, hn::Xor(hn::BitCast(du, y), sign));
}

// y, or NaN where x is infinite or a NaN.
template <class D64>
HWY_INLINE FloatVec<D64> WhereFinite(D64, FloatVec<D64> x, FloatVec<D64> y) {
  const FloatTag<D64> d32;
  return hn::IfThenElse(hn::Lt(hn::Abs(x), Infinity(d32)), y, OneNaN(d32));
}

}  // namespace function_detail

template <class D64>
HWY_INLINE FloatVec<D64> Sin(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  const FloatTag<D64> d32;
  // sin(-x) = -sin x; on |x|, so that the sign of a zero comes out right too.
  const auto a = hn::Abs(x);
  auto y = hn::DemoteTo(d32, SinOrCos<0>(d64, hn::PromoteTo(d64, a)));
  y = Patch(d32, a, 0x46199998u, 0xBEB1FA5Du, y);
  const auto sign = hn::And(x, hn::SignBit(d32));
  return WhereFinite(d64, x, hn::Xor(y, sign));
}

template <class D64>
HWY_INLINE FloatVec<D64> Cos(D64 d64, FloatVec<D64> x) {
  using namespace function_detail;
  const FloatTag<D64> d32;
  const auto a = hn::Abs(x);
  auto y = hn::DemoteTo(d32, SinOrCos<1>(d64, hn::PromoteTo(d64, a)));
  y = Patch(d32, a, 0x5F18B878u, 0x3F7F14BBu, y);
  y = Patch(d32, a, 0x6115CB11u, 0x3F78142Fu, y);
  return WhereFinite(d64, x, y);
}

// The same of the vectors that activations take.

// f of as many floats at once as a vector of doubles has.
template <class F>
HWY_INLINE VH InDoubles(VH x, const F& f) {
#if INVAR_EXP_IN_PAIRS
  const DH d;
  const hn::Half<DH> half;
  return hn::Combine(d, f(hn::UpperHalf(half, x)), f(hn::LowerHalf(half, x)));
#else
  return f(x);
#endif
}

#if INVAR_EXP_IN_PAIRS
HWY_INLINE VH ExpInDoubles(VH x) {
  return InDoubles(x, [](auto v) { return Exp(DD(), v); });
}

// exp(x) where `certain` lanes of it are y. Lane by lane, so that no lane's way to its result depends on the others'.
template <class V>
HWY_NOINLINE V ExpOfOthers(V x, V y, hn::Mask<DH> certain) {
  const DH d;
  // Beyond these bounds, whatever the argument, it is zero (of -infinity, what a mask excludes) or infinite.
  const auto vanishes = hn::Lt(x, hn::Set(d, -104.0f)), overflows = hn::Gt(x, hn::Set(d, 89.0f));
  y = hn::IfThenZeroElse(vanishes, hn::IfThenElse(overflows, function_detail::Infinity(d), y));
  certain = hn::Or(certain, hn::Or(vanishes, overflows));
  return hn::AllTrue(d, certain) ? y : hn::IfThenElse(certain, y, ExpInDoubles(x));
}

HWY_INLINE VH Exp(VH x) {
  VH y;
  const auto certain = ExpInPairs(x, y);
  return HWY_LIKELY(hn::AllTrue(DH(), certain)) ? y : ExpOfOthers(x, y, certain);
}
#else
HWY_INLINE VH Exp(VH x) { return Exp(DD(), x); }
#endif
HWY_INLINE VH Log(VH x) {
  return InDoubles(x, [](auto v) { return Log(DD(), v); });
}
HWY_INLINE VH Tanh(VH x) {
  return InDoubles(x, [](auto v) { return Tanh(DD(), v); });
}
HWY_INLINE VH Erfc(VH x) {
  return InDoubles(x, [](auto v) { return Erfc(DD(), v); });
}
HWY_INLINE VH Sin(VH x) {
  return InDoubles(x, [](auto v) { return Sin(DD(), v); });
}
HWY_INLINE VH Cos(VH x) {
  return InDoubles(x, [](auto v) { return Cos(DD(), v); });
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_FUNCTIONS_INL_H_
