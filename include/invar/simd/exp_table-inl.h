// exp where a register holds eight doubles (AVX-512): sixteen powers 2^(j/16) fit into two registers, and one instruction
// looks eight of them up. So the polynomial is half as long as functions-inl.h's.
//
// e^x = 2^(n/16) 2^(f/16), n the integer nearest to x 16 / ln(2) and f the rest, |f| <= 1/2 (Tang, "Table-driven
// implementation of the exponential function in IEEE floating-point arithmetic", 1989). x times the first part of
// 16 / ln(2) is exact, and so is taking n from it. f errs by 2^-55, so 2^(f/16) - 1 by a few 2^-58, the power by 2^-54 of
// itself, and the last step by half a unit: one unit of binary64 together, and no argument of the 2^32 rounds wrongly.
#if defined(INVAR_SIMD_EXP_TABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_EXP_TABLE_INL_H_
#undef INVAR_SIMD_EXP_TABLE_INL_H_
#else
#define INVAR_SIMD_EXP_TABLE_INL_H_
#endif

#include "hwy/highway.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/function_tables.h"
#include "invar/simd/highway-inl.h"

#if INVAR_EXP_BY_TABLE

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D64>
HWY_INLINE hn::Vec<hn::Rebind<float, D64>> ExpByTable(D64 d64, hn::Vec<hn::Rebind<float, D64>> x) {
  namespace table = ::invar::function_tables;
  const hn::Rebind<float, D64> d32;
  const hn::RebindToUnsigned<D64> du;
  using V = hn::Vec<D64>;
  // Beyond these bounds binary32 overflows or rounds to zero. A NaN stays: the instructions return their second operand
  // where it is one (Intel's manual, MINPS), and what follows computes with it.
  const auto clamped = hn::Max(hn::Set(d32, -104.0f), hn::Min(hn::Set(d32, 89.0f), x));
  const V wide = hn::PromoteTo(d64, clamped);
  const V magic = hn::Set(d64, 0x1.8p+52);  // adding it rounds to an integer, left in the sum's low bits
  const V high = hn::Set(d64, table::kExpScaleHigh);
  const V rounded = MultiplyAdd(wide, high, magic);
  const V first = MultiplyAdd(wide, high, hn::Sub(magic, rounded));
  const V f = MultiplyAdd(wide, hn::Set(d64, table::kExpScaleLow), first);
  // Horner's scheme: several vectors are in flight at once, so the number of operations counts, not how they depend.
  const auto& c = table::kExpSixteenth;
  V p = hn::Set(d64, c[5]);
  p = MultiplyAdd(p, f, hn::Set(d64, c[4]));
  p = MultiplyAdd(p, f, hn::Set(d64, c[3]));
  p = MultiplyAdd(p, f, hn::Set(d64, c[2]));
  p = MultiplyAdd(p, f, hn::Set(d64, c[1]));
  p = MultiplyAdd(p, f, hn::Set(d64, c[0]));
  // The lookup reads the low four bits of n alone. Highway has no name for it before 1.1.
  const auto n = hn::BitCast(du, rounded);
  const auto powers = hn::LoadU(du, table::kExpPowers), more_powers = hn::LoadU(du, table::kExpPowers + 8);
  const hn::Vec<decltype(du)> power{_mm512_permutex2var_epi64(powers.raw, n.raw, more_powers.raw)};
  const V scale = hn::BitCast(d64, hn::Add(power, hn::ShiftLeft<48>(n)));
  const auto y = hn::DemoteTo(d32, MultiplyAdd(scale, hn::Mul(f, p), scale));
  // The contract's one NaN: as an integer it is greater than every result and at most any NaN that arithmetic makes.
  const hn::RebindToUnsigned<decltype(d32)> du32;
  return hn::BitCast(d32, hn::Min(hn::BitCast(du32, y), hn::Set(du32, 0x7FC00000u)));
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_EXP_BY_TABLE

#endif  // INVAR_SIMD_EXP_TABLE_INL_H_
