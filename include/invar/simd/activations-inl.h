// Elementwise operations (contract, section 3), each the exact order of binary32 roundings written there.
//
// Operands are the vectors that functions take (DH). Constants are the binary32 nearest to the contract's decimals.
#if defined(INVAR_SIMD_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_ACTIVATIONS_INL_H_
#undef INVAR_SIMD_ACTIVATIONS_INL_H_
#else
#define INVAR_SIMD_ACTIVATIONS_INL_H_
#endif

#include "invar/simd/fma-inl.h"
#include "invar/simd/functions-inl.h"
#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

// gelu tanh: x / (1 + exp(-1.5957691216 * fma(0.044715 * (x * x), x, x)))
HWY_INLINE VH GeluTanh(VH x) {
  const DH d;
  const VH cubic = hn::Mul(hn::Set(d, 0.044715f), hn::Mul(x, x));
  const VH e = Exp(hn::Mul(hn::Set(d, -1.5957691216f), Fma(d, cubic, x, x)));
  return Divide(d, x, hn::Add(hn::Set(d, 1.0f), e));
}

// gelu erf: (0.5 * x) * erfc(-(x * 0.70710678118))
HWY_INLINE VH GeluErf(VH x) {
  const DH d;
  const VH c = Erfc(hn::Neg(hn::Mul(x, hn::Set(d, 0.70710678118f))));
  return hn::Mul(hn::Mul(hn::Set(d, 0.5f), x), c);
}

// quick gelu: x / (1 + exp(-(1.702 * x)))
HWY_INLINE VH QuickGelu(VH x) {
  const DH d;
  const VH e = Exp(hn::Neg(hn::Mul(hn::Set(d, 1.702f), x)));
  return Divide(d, x, hn::Add(hn::Set(d, 1.0f), e));
}

// silu: x / (1 + exp(-x))
HWY_INLINE VH Silu(VH x) {
  const DH d;
  return Divide(d, x, hn::Add(hn::Set(d, 1.0f), Exp(hn::Neg(x))));
}

// swiglu: silu(gate) * up
HWY_INLINE VH Swiglu(VH gate, VH up) { return hn::Mul(Silu(gate), up); }

// relu: x > 0 ? x : +0, and a NaN stays NaN
HWY_INLINE VH Relu(VH x) {
  const DH d;
  return hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), x));
}

// y[i] = f(x[i]), or f(x[i], z[i]), for n elements, in place allowed. Whole vectors in a loop that does not
// ask how many are left: the functions take so few cycles that it would be seen.
template <class F>
HWY_INLINE void MapRow(const F& f, size_t n, const float* x, float* y) {
  const DH d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  if (i < n) StoreFirst(d, f(LoadFirst(d, x + i, n - i)), y + i, n - i);
}

template <class F>
HWY_INLINE void MapRow(const F& f, size_t n, const float* x, const float* z, float* y) {
  const DH d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(f(hn::LoadU(d, x + i), hn::LoadU(d, z + i)), d, y + i);
  if (i < n) StoreFirst(d, f(LoadFirst(d, x + i, n - i), LoadFirst(d, z + i, n - i)), y + i, n - i);
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_ACTIVATIONS_INL_H_
