// The fused multiply-add, one rounding, on every processor (contract, section 1).
//
// Where the instruction set has none it is emulated exactly: the product of two binary32 is exact in binary64; the sum
// with c is rounded to binary64 *to odd*, which keeps enough to round correctly once more to binary32
// (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
#if defined(INVAR_SIMD_FMA_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_FMA_INL_H_
#undef INVAR_SIMD_FMA_INL_H_
#else
#define INVAR_SIMD_FMA_INL_H_
#endif

#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE float EmulatedFma(float a, float b, float c) {
  const double p = static_cast<double>(a) * static_cast<double>(b);
  const double z = static_cast<double>(c);
  double s = p + z;
  // TwoSum's error matters only where binary32's rounding could be a tie, or where the result is subnormal and so
  // rounds at another place: elsewhere the sticky bits below the tie decide, and one rounding of s gives them already.
  uint64_t bits;
  memcpy(&bits, &s, sizeof(bits));
  const bool tie = (bits & 0x1FFFFFFFu) == 0x10000000u;
  const bool tiny = (bits & 0x7FFFFFFFFFFFFFFFull) < 0x3810000000000000ull;  // |s| < 2^-126
  if (tie || tiny) {
    const double t = s - p;
    const double e = (p - (s - t)) + (z - t);
    const double magnitude = e < 0 ? -e : e;
    if (magnitude > 0) {  // false for a NaN, which leaves an infinite sum alone
      uint64_t error_bits;
      memcpy(&error_bits, &e, sizeof(error_bits));
      bits = (bits - ((bits ^ error_bits) >> 63)) | 1;  // one unit toward the error, unless already odd
      memcpy(&s, &bits, sizeof(s));
    }
  }
  return static_cast<float>(s);
}

template <class D, class V>
HWY_INLINE V Fma(D /*d*/, V a, V b, V c) {
  return V(EmulatedFma(a.raw, b.raw, c.raw));
}

#elif HWY_NATIVE_FMA

template <class D, class V>
HWY_INLINE V Fma(D /*d*/, V a, V b, V c) {
  return hn::MulAdd(a, b, c);
}

#else

// Half a float vector, already widened to binary64.
template <class D64, class V64 = hn::Vec<D64>>
HWY_INLINE hn::Vec<hn::Rebind<float, D64>> FmaWidened(D64 d64, V64 a, V64 b, V64 z) {
  const hn::RebindToUnsigned<D64> du;
  const auto p = hn::Mul(a, b);
  const auto s = hn::Add(p, z);
  const auto t = hn::Sub(s, p);
  const auto e = hn::Add(hn::Sub(p, hn::Sub(s, t)), hn::Sub(z, t));
  const auto inexact = hn::Gt(hn::Abs(e), hn::Zero(d64));
  const auto odd = hn::IfThenElseZero(hn::RebindMask(du, inexact), hn::Set(du, uint64_t{1}));
  const auto bits = hn::BitCast(du, s);
  const auto away = hn::And(hn::ShiftRight<63>(hn::Xor(bits, hn::BitCast(du, e))), odd);
  const auto rounded = hn::Or(hn::Sub(bits, away), odd);
  return NarrowToFloat(d64, hn::BitCast(d64, rounded));
}

template <class D, class V>
HWY_INLINE V Fma(D d, V a, V b, V c) {
  const hn::Half<D> dh;
  const hn::Rebind<double, hn::Half<D>> d64;
  const auto lower = FmaWidened(d64, hn::PromoteTo(d64, hn::LowerHalf(dh, a)), hn::PromoteTo(d64, hn::LowerHalf(dh, b)),
                                hn::PromoteTo(d64, hn::LowerHalf(dh, c)));
  const auto upper = FmaWidened(d64, hn::PromoteTo(d64, hn::UpperHalf(dh, a)), hn::PromoteTo(d64, hn::UpperHalf(dh, b)),
                                hn::PromoteTo(d64, hn::UpperHalf(dh, c)));
  return hn::Combine(d, upper, lower);
}

#endif

// For the functions alone: a b + c and c - a b, with one rounding where the processor has an instruction for it (kFused64) and with
// two elsewhere, since an emulated one would cost more than it saves. The functions' results are correctly rounded to binary32 either
// way, which has a proof of its own for either (docs/functions.md).
constexpr bool kFused64 = HWY_NATIVE_FMA != 0 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128;

template <class V64>
HWY_INLINE V64 MultiplyAdd(V64 a, V64 b, V64 c) {
  if constexpr (kFused64) {
    return hn::MulAdd(a, b, c);
  } else {
    return hn::Add(hn::Mul(a, b), c);
  }
}

template <class V64>
HWY_INLINE V64 SubtractProduct(V64 a, V64 b, V64 c) {
  if constexpr (kFused64) {
    return hn::NegMulAdd(a, b, c);
  } else {
    return hn::Sub(c, hn::Mul(a, b));
  }
}

// s = fma(a, b, s), one of a dozen sums that stay in registers over a long loop.
template <class D, class V>
HWY_INLINE void Accumulate(D d, V a, V b, V& s) {
#if HWY_TARGET == HWY_AVX2 && HWY_NATIVE_FMA && defined(__GNUC__)
  // Of the instruction's three forms the one that adds into its sum: where a loop is unrolled further, GCC 12 mixes them, runs out of the
  // sixteen registers, and keeps sums on the stack. Clang, which need not be told, takes it as well. Both dialects of assembly, since
  // -masm=intel turns operands round.
  (void)d;
  asm("vfmadd231ps {%2, %1, %0|%0, %1, %2}" : "+x"(s.raw) : "x"(a.raw), "x"(b.raw));
#else
  s = Fma(d, a, b, s);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_FMA_INL_H_
