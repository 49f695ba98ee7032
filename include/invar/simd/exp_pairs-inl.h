// exp where a register holds a table of eight or sixteen floats (AVX2, AVX-512): in pairs of binary32, a sum high + low that is not
// carried out, of which a register holds twice as many as of binary64.
//
// e^x = 2^(n/s) e^r, n the integer nearest to x s / ln(2), s the floats of a vector (Tang, "Table-driven implementation of the
// exponential function in IEEE floating-point arithmetic", 1989). With n = k s + j the pair is 2^(j/s) e^r, and errs by at most 2^-32.9
// (s = 8) or 2^-34.5 (s = 16), so it nearly always says which binary32 is nearest: it does where the pair less a margin and the pair plus
// it round to the same number (Ziv, "Fast evaluation of elementary mathematical functions with correctly rounded last bit", 1991).
// Elsewhere, in one of 300 lanes or of 1,000, and outside [-87, 87], where results may be subnormal or overflow, it does not decide.
#if defined(INVAR_SIMD_EXP_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_EXP_PAIRS_INL_H_
#undef INVAR_SIMD_EXP_PAIRS_INL_H_
#else
#define INVAR_SIMD_EXP_PAIRS_INL_H_
#endif

#include "hwy/highway.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/function_tables.h"
#include "invar/simd/highway-inl.h"

#if INVAR_EXP_IN_PAIRS

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

namespace exp_pairs {

namespace table = ::invar::function_tables;

static_assert(kFused64, "in two roundings the pair's error would be another");

#if HWY_MAX_BYTES >= 64
constexpr int kStepsLog2 = 4;
constexpr float kMargin = 0x1.ep-35f;  // the pair's error, and half a unit of its low part, to which that is rounded with the margin
constexpr const float* kPowers = table::kPairs16Powers;
constexpr const float* kRests = table::kPairs16Rests;
#else
constexpr int kStepsLog2 = 3;
constexpr float kMargin = 0x1.9p-33f;
constexpr const float* kPowers = table::kPairs8Powers;
constexpr const float* kRests = table::kPairs8Rests;
#endif
constexpr float kSteps = 1 << kStepsLog2;

// p of function_tables.h
HWY_INLINE VF Polynomial(DF d, VF r) {
#if HWY_MAX_BYTES >= 64
  return MultiplyAdd(hn::Set(d, table::kPairs16[1]), r, hn::Set(d, table::kPairs16[0]));
#else
  const VF last = MultiplyAdd(hn::Set(d, table::kPairs8[2]), r, hn::Set(d, table::kPairs8[1]));
  return MultiplyAdd(last, r, hn::Set(d, table::kPairs8[0]));
#endif
}

// Element n modulo the table's length, the lanes of a vector. Highway's own lookup demands that n be within it.
template <class VU>
HWY_INLINE VF LookUp(DF d, const float* elements, VU n) {
#if HWY_MAX_BYTES >= 64
  return VF{_mm512_permutexvar_ps(n.raw, hn::LoadU(d, elements).raw)};
#else
  return VF{_mm256_permutevar8x32_ps(hn::LoadU(d, elements).raw, n.raw)};
#endif
}

}  // namespace exp_pairs

// e^x in `y` in the lanes that are true in the result; in the others anything.
HWY_INLINE hn::Mask<DF> ExpInPairs(VF x, VF& y) {
  using namespace exp_pairs;
  const DF d;
  const hn::RebindToUnsigned<DF> du;
  const VF magic = hn::Set(d, 0x1.8p+23f);  // adding it rounds to an integer, left in the sum's low bits
  const VF rounded = MultiplyAdd(x, hn::Set(d, table::kPairsLog2E * kSteps), magic);
  const VF n = hn::Sub(rounded, magic);
  const auto bits = hn::BitCast(du, rounded);
  // Both have few digits left where they cancel, so x - n ln(2)/s is exact but for ln(2)'s own rest; that, and the power's, is low.
  const VF r = SubtractProduct(n, hn::Set(d, table::kPairsLn2High / kSteps), x);
  const VF low_r = SubtractProduct(n, hn::Set(d, table::kPairsLn2Low / kSteps), LookUp(d, kRests, bits));
  // e^(r + low_r) = 1 + r + half_square + small
  const VF half_square = hn::Mul(r, hn::Mul(hn::Set(d, 0.5f), r));
  const VF grown = MultiplyAdd(low_r, hn::Add(r, half_square), low_r);
  const VF small = MultiplyAdd(hn::Mul(half_square, r), Polynomial(d, r), grown);
  // power + power r as a sum and what its two roundings leave (Dekker, "A floating-point technique for extending the available
  // precision", 1971); the rest of the product is small and goes into low.
  const VF power = LookUp(d, kPowers, bits);
  const VF product = hn::Mul(power, r);
  const VF high = hn::Add(power, product);
  const VF rest = hn::Sub(hn::Sub(product, hn::Sub(high, power)), SubtractProduct(power, r, product));
  const VF low = MultiplyAdd(power, half_square, MultiplyAdd(power, small, rest));
  const VF margin = hn::Set(d, kMargin);
  const VF most = hn::Add(high, hn::Add(low, margin)), least = hn::Add(high, hn::Sub(low, margin));
  y = hn::BitCast(d, hn::Add(hn::BitCast(du, most), hn::ShiftLeft<23>(hn::ShiftRight<kStepsLog2>(bits))));
  return hn::And(hn::Eq(most, least), hn::Le(hn::Abs(x), hn::Set(d, 87.0f)));
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_EXP_IN_PAIRS

#endif  // INVAR_SIMD_EXP_PAIRS_INL_H_
