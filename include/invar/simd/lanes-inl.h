// Reductions of one row by the lanes tree (contract, section 2): sixteen chains a leaf, leaves of 256 terms joined
// neighbours first, sixteen lanes folded at the root.
#if defined(INVAR_SIMD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_LANES_INL_H_
#undef INVAR_SIMD_LANES_INL_H_
#else
#define INVAR_SIMD_LANES_INL_H_
#endif

#include "invar/kernels.h"
#include "invar/simd/fma-inl.h"
#include "invar/simd/highway-inl.h"
#include "invar/tree.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

// A term of a sum: s + x[i].
struct SumTerm {
  const float* x;
  HWY_INLINE VF operator()(DF d, size_t i, VF s) const { return hn::Add(s, hn::LoadU(d, x + i)); }
  HWY_INLINE VF Tail(DF d, size_t i, size_t n, VF s) const { return hn::Add(s, LoadFirst(d, x + i, n)); }
};

// A term of a dot product: fma(x[i], y[i], s).
struct DotTerm {
  const float* x;
  const float* y;
  HWY_INLINE VF operator()(DF d, size_t i, VF s) const {
    return Fma(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i), s);
  }
  HWY_INLINE VF Tail(DF d, size_t i, size_t n, VF s) const {
    return Fma(d, LoadFirst(d, x + i, n), LoadFirst(d, y + i, n), s);
  }
};

// One leaf: lanes[j] is the chain over the terms begin + j, begin + j + 16, ... below end.
template <class Term>
HWY_INLINE void LeafLanes(const Term& term, size_t begin, size_t end, float* HWY_RESTRICT lanes) {
  const DF d;
  const size_t step = hn::Lanes(d);
  for (size_t v = 0; v < INVAR_PANEL; v += step) {
    VF s = hn::Zero(d);
    size_t i = begin + v;
    for (; i + step <= end; i += INVAR_PANEL) s = term(d, i, s);
    if (i < end) {
      // A lane without a term keeps its chain as it is: fma(0, 0, -0) would change the sign of a zero.
      const size_t n = end - i;
      s = hn::IfThenElse(hn::FirstN(d, n), term.Tail(d, i, n, s), s);
    }
    hn::StoreU(s, d, lanes + v);
  }
}

HWY_INLINE void AddLanes(const float* left, float* HWY_RESTRICT right) {
  const DF d;
  for (size_t v = 0; v < INVAR_PANEL; v += hn::Lanes(d)) {
    hn::StoreU(hn::Add(hn::LoadU(d, left + v), hn::LoadU(d, right + v)), d, right + v);
  }
}

// The first `kWidth` of 2 * kWidth lanes take the others: lane j becomes f(lane j, lane j + kWidth), a vector of them at a time.
template <size_t kWidth, class F>
HWY_INLINE void Fold(float* lanes, const F& f) {
  const hn::CappedTag<float, kWidth> d;
  for (size_t j = 0; j < kWidth; j += hn::Lanes(d)) hn::StoreU(f(hn::LoadU(d, lanes + j), hn::LoadU(d, lanes + j + kWidth)), d, lanes + j);
}

HWY_INLINE float FoldLanes(const float* HWY_RESTRICT lanes) {
  const auto add = [](auto x, auto y) { return hn::Add(x, y); };
  float f[INVAR_PANEL];
  memcpy(f, lanes, sizeof(f));
  Fold<8>(f, add);
  Fold<4>(f, add);
  return (f[0] + f[2]) + (f[1] + f[3]);
}

template <class Term>
HWY_NOINLINE float LanesTree(const Term& term, size_t n) {
  if (n == 0) return 0.0f;
  HWY_ALIGN float lanes[INVAR_PANEL];
  if (n <= kLeaf) {
    LeafLanes(term, 0, n, lanes);
    return FoldLanes(lanes);
  }
  // A binary counter of finished nodes: 2^56 terms fit.
  HWY_ALIGN float kept[48][INVAR_PANEL];
  int depth = 0;
  const size_t leaves = (n + kLeaf - 1) / kLeaf;
  for (size_t leaf = 0; leaf < leaves; ++leaf) {
    const size_t end = (leaf + 1) * kLeaf < n ? (leaf + 1) * kLeaf : n;
    LeafLanes(term, leaf * kLeaf, end, lanes);
    for (int joins = JoinsAfterLeaf(leaf); joins != 0; --joins) AddLanes(kept[--depth], lanes);
    memcpy(kept[depth++], lanes, sizeof(lanes));
  }
  // Nodes without a right neighbour pass up unchanged until they meet one on their left.
  memcpy(lanes, kept[--depth], sizeof(lanes));
  while (depth != 0) AddLanes(kept[--depth], lanes);
  return FoldLanes(lanes);
}

HWY_INLINE float LanesSum(const float* x, size_t n) { return LanesTree(SumTerm{x}, n); }
HWY_INLINE float LanesDot(const float* x, const float* y, size_t n) { return LanesTree(DotTerm{x, y}, n); }

// The greatest value; a NaN where any is (contract, section 1). -infinity for an empty row. Of zeros of both signs the
// first: it reaches no result of a model, but attention's leaf stores its maximum, and the lanes' order is the vector's.
HWY_INLINE float RowMax(const float* x, size_t n) {
  const DF d;
  const size_t step = hn::Lanes(d);
  const VF lowest = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<DF>(), 0xFF800000u));
  VF best = lowest;
  VF poison = hn::Zero(d);  // becomes NaN, and stays so, once a NaN is met
  const auto take = [&](VF v) {
    best = hn::Max(v, best);  // what a NaN or a zero of the other sign does here is mended below
    poison = hn::IfThenElse(hn::IsNaN(v), v, poison);
  };
  size_t i = 0;
  for (; i + step <= n; i += step) take(hn::LoadU(d, x + i));
  if (i < n) take(hn::IfThenElse(hn::FirstN(d, n - i), LoadFirst(d, x + i, n - i), lowest));
  if (!hn::AllFalse(d, hn::IsNaN(poison))) {
    HWY_ALIGN float p[INVAR_PANEL];
    hn::StoreU(poison, d, p);
    for (size_t j = 0; j < step; ++j) {
      if (p[j] != p[j]) return p[j];
    }
  }
  HWY_ALIGN float b[INVAR_PANEL];
  for (size_t j = 0; j < INVAR_PANEL; j += step) hn::StoreU(best, d, b + j);  // again where a vector is shorter
  const auto greater = [](auto x, auto y) { return hn::Max(x, y); };
  Fold<8>(b, greater);
  Fold<4>(b, greater);
  const float even = b[0] > b[2] ? b[0] : b[2], odd = b[1] > b[3] ? b[1] : b[3];
  float m = even > odd ? even : odd;
  if (m == 0.0f) {
    for (i = 0; x[i] != 0.0f;) ++i;
    m = x[i];
  }
  return m;
}

// The binary32 square root, correctly rounded, of one value: the processor's instruction, not a math library's.
HWY_INLINE float SquareRoot(float x) {
  const DF d;
  return hn::GetLane(hn::Sqrt(hn::Set(d, x)));
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_LANES_INL_H_
