// What a compiler or a build flag may have broken behind our back, checked on the code as it was built.
//
// Every generated file includes this, so that each file's own flags are checked, for each of its instruction sets.
#if defined(INVAR_SIMD_SELF_CHECK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_SELF_CHECK_INL_H_
#undef INVAR_SIMD_SELF_CHECK_INL_H_
#else
#define INVAR_SIMD_SELF_CHECK_INL_H_
#endif

#include "invar/float_env.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

// volatile keeps the compiler from folding; these values must meet the processor.
static HWY_NOINLINE const char* SelfCheckValues() {
  const DF d;
  volatile float va = 1.0f + 0x1p-12f, vc = -(1.0f + 0x1p-11f), vtiny = 0x1p-126f, vhalf = 0.5f, vone = 1.0f,
                 vthree = 3.0f;
  const float a = va, c = vc, tiny = vtiny, half = vhalf;
  const VF x = hn::Set(d, a), z = hn::Set(d, c);
  // a * a = 1 + 2^-11 + 2^-24: rounded alone it loses 2^-24, fused it keeps it.
  if (hn::GetLane(hn::Add(hn::Mul(x, x), z)) != 0.0f) {
    return "a vector multiplication and addition were contracted into one; build with -ffp-contract=off";
  }
  if (a * a + c != 0.0f) {
    return "a multiplication and addition were contracted into one; build with -ffp-contract=off";
  }
  if (hn::GetLane(Fma(d, x, x, z)) != 0x1p-24f) return "a fused multiply-add was split in two";
  VF sum = z;
  Accumulate(d, x, x, sum);
  if (hn::GetLane(sum) != 0x1p-24f || hn::GetLane(x) != a) return "a fused multiply-add into a sum was split in two, or its operands were mixed up";
  // The same in binary64, 1 + 2^-27 squared.
  const DD d64;
  volatile double wide_a = 1.0 + 0x1p-27, wide_c = -(1.0 + 0x1p-26);
  const auto wide_x = hn::Set(d64, wide_a), wide_z = hn::Set(d64, wide_c);
  if (hn::GetLane(hn::Add(hn::Mul(wide_x, wide_x), wide_z)) != 0.0) {
    return "a vector multiplication and addition of binary64 were contracted into one; build with -ffp-contract=off";
  }
  if (hn::GetLane(MultiplyAdd(wide_x, wide_x, wide_z)) != (kFused64 ? 0x1p-54 : 0.0)) {
    return "a fused multiply-add of binary64 was split in two, or two operations were fused";
  }
  if (hn::GetLane(hn::Mul(hn::Set(d, tiny), hn::Set(d, half))) != 0x1p-127f || tiny * half != 0x1p-127f) {
    return "subnormal results are flushed to zero; build without -ffast-math";
  }
  const float subnormal = tiny * half;
  if (hn::GetLane(hn::Add(hn::Set(d, subnormal), hn::Set(d, subnormal))) != 0x1p-126f) {
    return "subnormal operands are read as zero; build without -ffast-math";
  }
  // POWER has fused multiply-adds with a mode of their own, and a compiler takes those where the addend is needed again.
  const VF fused_sum = Fma(d, hn::Set(d, tiny), hn::Set(d, half), hn::Set(d, subnormal));
  const VF fused_again = Fma(d, hn::Set(d, subnormal), hn::Set(d, half), hn::Set(d, subnormal));
  VF fused_into = hn::Set(d, subnormal);
  Accumulate(d, hn::Set(d, tiny), hn::Set(d, half), fused_into);
  if (hn::GetLane(fused_sum) != 0x1p-126f || hn::GetLane(fused_again) != 0x1.8p-127f || hn::GetLane(fused_into) != 0x1p-126f) {
    return "a fused multiply-add flushes subnormals to zero; build without -ffast-math";
  }
  // A reciprocal in place of a division gives another last bit for these.
  const float one = vone, three = vthree;
  volatile float vbig = 5.0f;
  const float q = vbig / three;
  if (hn::GetLane(Divide(d, hn::Set(d, one), hn::Set(d, three))) != 0x1.555556p-2f || q != 0x1.aaaaaap+0f) {
    return "divisions were replaced by reciprocals; build without -ffast-math";
  }
  // Reassociation would find 2^24 + 1 - 2^24 = 1.
  volatile float vlarge = 0x1p24f;
  const float large = vlarge;
  if ((large + one) - large != 0.0f) return "additions were reassociated; build without -ffast-math";
  volatile float vnan = 0.0f;
  const float nan = vnan / vnan;
  if (nan == nan) return "comparisons assume that there are no NaNs; build without -ffast-math";
  return nullptr;
}

static HWY_NOINLINE const char* SelfCheck() {
  ScopedFloatEnv env;
  return SelfCheckValues();
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_SELF_CHECK_INL_H_
