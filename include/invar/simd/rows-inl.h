// Norms and softmaxes of one row (contract, section 3).
#if defined(INVAR_SIMD_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_ROWS_INL_H_
#undef INVAR_SIMD_ROWS_INL_H_
#else
#define INVAR_SIMD_ROWS_INL_H_
#endif

#include "invar/kernels.h"
#include "invar/simd/activations-inl.h"
#include "invar/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

// y[i] = f(i, x[i]) in vectors of floats, f told how many are left, or a vector's worth; it loads what else it needs with LoadFirst.
template <class F>
HWY_INLINE void ForRow(size_t n, const float* x, float* y, const F& f) {
  const DF d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, i, lanes, hn::LoadU(d, x + i)), d, y + i);
  if (i < n) StoreFirst(d, f(d, i, n - i, LoadFirst(d, x + i, n - i)), y + i, n - i);
}

// mean = sum(x)/n; c = x - mean; var = dot(c,c)/n; r = 1 / sqrt(var + eps); y = fma(c * r, g, b), without bias
// (c * r) * g
HWY_INLINE void Row_layer_norm(const invar_rows_args& a, const float* x, float* y) {
  if (a.n == 0) return;
  const float n = static_cast<float>(a.n);
  const float mean = LanesSum(x, a.n) / n;
  ForRow(a.n, x, y, [mean](DF d, size_t, size_t, VF v) { return hn::Sub(v, hn::Set(d, mean)); });
  const float variance = LanesDot(y, y, a.n) / n;
  const float r = 1.0f / SquareRoot(variance + a.epsilon);
  if (a.bias != nullptr) {
    ForRow(a.n, y, y, [r, &a](DF d, size_t i, size_t left, VF c) {
      const VF g = LoadFirst(d, a.gain + i, left), b = LoadFirst(d, a.bias + i, left);
      return Canonical(d, Fma(d, hn::Mul(c, hn::Set(d, r)), g, b));
    });
  } else {
    ForRow(a.n, y, y, [r, &a](DF d, size_t i, size_t left, VF c) {
      return Canonical(d, hn::Mul(hn::Mul(c, hn::Set(d, r)), LoadFirst(d, a.gain + i, left)));
    });
  }
}

// r = 1 / sqrt(dot(x,x)/n + eps); y = (x * r) * g
HWY_INLINE void Row_rms_norm(const invar_rows_args& a, const float* x, float* y) {
  if (a.n == 0) return;
  const float square = LanesDot(x, x, a.n) / static_cast<float>(a.n);
  const float r = 1.0f / SquareRoot(square + a.epsilon);
  ForRow(a.n, x, y, [r, &a](DF d, size_t i, size_t left, VF v) {
    return Canonical(d, hn::Mul(hn::Mul(v, hn::Set(d, r)), LoadFirst(d, a.gain + i, left)));
  });
}

// p = exp(x - m), stored; may be in place.
HWY_INLINE void ExpMinus(float m, size_t n, const float* x, float* p) {
  MapRow([m](VH v) { return Exp(hn::Sub(v, hn::Set(DH(), m))); }, n, x, p);
}

// A term of l = sum(exp(x - m)) whose exponentials are not stored: one leaf at a time.
HWY_INLINE float SumOfExpMinus(float m, size_t n, const float* x) {
  HWY_ALIGN float kept[48][INVAR_PANEL];
  HWY_ALIGN float lanes[INVAR_PANEL];
  HWY_ALIGN float p[kLeaf];
  if (n == 0) return 0.0f;
  int depth = 0;
  for (size_t begin = 0, leaf = 0; begin < n; begin += kLeaf, ++leaf) {
    const size_t count = HWY_MIN(kLeaf, n - begin);
    ExpMinus(m, count, x + begin, p);
    LeafLanes(SumTerm{p}, 0, count, lanes);
    for (int joins = JoinsAfterLeaf(leaf); joins != 0; --joins) AddLanes(kept[--depth], lanes);
    memcpy(kept[depth++], lanes, sizeof(lanes));
  }
  memcpy(lanes, kept[--depth], sizeof(lanes));
  while (depth != 0) AddLanes(kept[--depth], lanes);
  return FoldLanes(lanes);
}

HWY_INLINE float LogOf(float x) {
  const DH d;
  return hn::GetLane(Log(hn::Set(d, x)));
}

// m = max x; p = exp(x - m); l = sum(p); y = p / l
HWY_INLINE void Row_softmax(const invar_rows_args& a, const float* x, float* y) {
  ExpMinus(RowMax(x, a.n), a.n, x, y);
  const float l = LanesSum(y, a.n);
  ForRow(a.n, y, y, [l](DF d, size_t, size_t, VF p) { return Canonical(d, Divide(d, p, hn::Set(d, l))); });
}

// log-softmax = (x - m) - log(l)
HWY_INLINE void Row_log_softmax(const invar_rows_args& a, const float* x, float* y) {
  const float m = RowMax(x, a.n);
  const float log_l = LogOf(SumOfExpMinus(m, a.n, x));
  ForRow(a.n, x, y, [m, log_l](DF d, size_t, size_t, VF v) {
    return Canonical(d, hn::Sub(hn::Sub(v, hn::Set(d, m)), hn::Set(d, log_l)));
  });
}

// log-sum-exp = m + log(l)
HWY_INLINE void Row_log_sum_exp(const invar_rows_args& a, const float* x, float* y) {
  const float m = RowMax(x, a.n);
  const float value = m + LogOf(SumOfExpMinus(m, a.n, x));
  const uint32_t nan = 0x7FC00000u;
  if (value == value) {
    *y = value;
  } else {
    memcpy(y, &nan, sizeof(nan));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_ROWS_INL_H_
