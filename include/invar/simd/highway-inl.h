// Highway, and the one place that knows its versions (1.0.3 is Debian 12's).
//
// Include it inside a foreach_target file, after hwy/foreach_target.h and before any other -inl.h of this folder.
#include "hwy/highway.h"

#ifndef INVAR_SIMD_HIGHWAY_H_
#define INVAR_SIMD_HIGHWAY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

// Processors' modes in which no build can keep the contract.
#if defined(__i386__) && !defined(__SSE2_MATH__)
#error "x87 computes in 80 bits, which round otherwise than the contract says; build with -msse2 -mfpmath=sse"
#endif
#if defined(__arm__) && defined(__ARM_NEON)
#error "NEON of 32-bit ARM flushes subnormals to zero; build without it (-mfpu=vfpv3-d16)"
#endif

// INVAR_GROUP_VECTORS: how many vectors make up a group of sixteen lanes, so that generated tiles can be chosen while
// preprocessing. 1 also where only the running processor knows (SVE, RVV): the tiles of one vector loop over a group, so
// that they hold for every length of vector, even one that changes between two calls.
#define INVAR_GROUP_VECTORS                          \
  (HWY_TARGET == HWY_SCALAR    ? 16                  \
   : HWY_HAVE_SCALABLE == 1    ? 1                   \
   : HWY_MAX_BYTES >= 64       ? 1                   \
   : HWY_MAX_BYTES == 32       ? 2                   \
                               : 4)

// Whether Highway widens binary16 by the processor's own instruction.
#ifdef HWY_DISABLE_F16C
#define INVAR_NATIVE_F16 0
#else
#define INVAR_NATIVE_F16 (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2)
#endif

// Whether exp is evaluated in pairs of binary32: where an instruction looks up as many floats as a register holds.
#define INVAR_EXP_IN_PAIRS \
  (HWY_ARCH_X86 && ((HWY_TARGET <= HWY_AVX3 && HWY_MAX_BYTES >= 64) || (HWY_TARGET == HWY_AVX2 && HWY_NATIVE_FMA != 0)))

#endif  // INVAR_SIMD_HIGHWAY_H_

#if defined(INVAR_SIMD_HIGHWAY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_HIGHWAY_INL_H_
#undef INVAR_SIMD_HIGHWAY_INL_H_
#else
#define INVAR_SIMD_HIGHWAY_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of at most sixteen floats: a group of sixteen lanes is a whole number of them on every processor.
#if HWY_TARGET == HWY_SCALAR
using DF = hn::ScalableTag<float>;
#else
using DF = hn::CappedTag<float, 16>;
#endif
using VF = hn::Vec<DF>;

// Vectors of binary64, in which functions are evaluated, of at most eight.
#if HWY_TARGET == HWY_SCALAR
using DD = hn::ScalableTag<double>;
#else
using DD = hn::CappedTag<double, 8>;
#endif
// The floats that functions and activations take at once: so many; or a whole vector of floats where exp needs no binary64.
#if INVAR_EXP_IN_PAIRS
using DH = DF;
#else
using DH = hn::Rebind<float, DD>;
#endif
using VH = hn::Vec<DH>;

// Asks for the cache line so many elements on from p: what is to be read soon, but not next. It may lie beyond p's array, where
// nothing is read; a pointer there would be undefined, a number is not.
template <class T>
HWY_INLINE void Prefetch(const T* p, size_t ahead) {
#if defined(__GNUC__)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + ahead * sizeof(T)), 0, 2);
#endif
}

// The same into the first-level cache, of what is read in a moment.
template <class T>
HWY_INLINE void PrefetchNear(const T* p, size_t ahead) {
#if defined(__GNUC__)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + ahead * sizeof(T)), 0, 3);
#endif
}

// The same for what is to be written next.
template <class T>
HWY_INLINE void PrefetchToWrite(const T* p, size_t ahead) {
#if defined(__GNUC__)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + ahead * sizeof(T)), 1, 3);
#endif
}

// binary64 to binary32, rounded to nearest even, overflow to infinity. Highway before 1.1 clamps overflow to the greatest
// finite number on the targets without vectors.
template <class D64>
HWY_INLINE hn::Vec<hn::Rebind<float, D64>> NarrowToFloat(D64 d64, hn::Vec<D64> v) {
  const hn::Rebind<float, D64> d32;
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  double wide[2];
  float narrow[4] = {};
  hn::StoreU(v, d64, wide);
  for (size_t i = 0; i < hn::Lanes(d64); ++i) narrow[i] = static_cast<float>(wide[i]);
  return hn::LoadU(d32, narrow);
#else
  (void)d64;
  return hn::DemoteTo(d32, v);
#endif
}

// IEEE 754 division. EMU128 of later Highways gives 0 where the divisor is 0.
template <class D>
HWY_INLINE hn::Vec<D> Divide(D d, hn::Vec<D> a, hn::Vec<D> b) {
#if HWY_TARGET == HWY_EMU128
  using T = hn::TFromD<D>;
  T x[16 / sizeof(T)], y[16 / sizeof(T)];
  hn::StoreU(a, d, x);
  hn::StoreU(b, d, y);
  for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = x[i] / y[i];
  return hn::LoadU(d, x);
#else
  (void)d;
  return hn::Div(a, b);
#endif
}

// The contract's one NaN (section 1).
template <class D, class V>
HWY_INLINE V Canonical(D d, V v) {
  const hn::RebindToUnsigned<D> du;
  return hn::IfThenElse(hn::IsNaN(v), hn::BitCast(d, hn::Set(du, 0x7FC00000u)), v);
}

// The first n lanes (n may be anything; at least a vector's worth means all), zeros beyond; reads nothing beyond n.
template <class D>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const float* p, size_t n) {
  if (n >= hn::Lanes(d)) return hn::LoadU(d, p);
  float tail[16] = {};
  if (n != 0) memcpy(tail, p, n * sizeof(float));
  return hn::LoadU(d, tail);
}

template <class D>
HWY_INLINE void StoreFirst(D d, hn::Vec<D> v, float* p, size_t n) {
  if (n >= hn::Lanes(d)) {
    hn::StoreU(v, d, p);
    return;
  }
  float tail[16];
  hn::StoreU(v, d, tail);
  if (n != 0) memcpy(p, tail, n * sizeof(float));
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_HIGHWAY_INL_H_
