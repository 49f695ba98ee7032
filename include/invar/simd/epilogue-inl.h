// What follows a matmul while its outputs are still in cache: bias, activation, residual. The bits are those of the
// separate operations in that order (contract, section 3).
#if defined(INVAR_SIMD_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_EPILOGUE_INL_H_
#undef INVAR_SIMD_EPILOGUE_INL_H_
#else
#define INVAR_SIMD_EPILOGUE_INL_H_
#endif

#include "invar/kernels.h"
#include "invar/simd/activations-inl.h"
#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

// A matmul's fused activation, on outputs that are still in cache; the same bits as a separate pass.
static HWY_NOINLINE void Activate(invar_activation activation, float* y, size_t n) {
  switch (activation) {
    case INVAR_ACTIVATION_NONE:
      return;
    case INVAR_ACTIVATION_GELU_TANH:
      return MapRow([](VH x) { return GeluTanh(x); }, n, y, y);
    case INVAR_ACTIVATION_GELU_ERF:
      return MapRow([](VH x) { return GeluErf(x); }, n, y, y);
    case INVAR_ACTIVATION_QUICK_GELU:
      return MapRow([](VH x) { return QuickGelu(x); }, n, y, y);
    case INVAR_ACTIVATION_SILU:
      return MapRow([](VH x) { return Silu(x); }, n, y, y);
    case INVAR_ACTIVATION_RELU:
      return MapRow([](VH x) { return Relu(x); }, n, y, y);
    case INVAR_ACTIVATION_TANH:
      return MapRow([](VH x) { return Tanh(x); }, n, y, y);
  }
}

// One row of a finished tile, on its way out: bias, activation, residual, the one NaN. `y` is the tile's own buffer.
HWY_INLINE void FinishRow(const invar_matmul_args& a, size_t row, size_t first, size_t count, float* HWY_RESTRICT y) {
  const DF d;
  const size_t step = hn::Lanes(d);
  float* dst = a.dst + static_cast<ptrdiff_t>(row) * a.dst_stride + first;
  const float* residual =
      a.residual == nullptr ? nullptr : a.residual + static_cast<ptrdiff_t>(row) * a.residual_stride + first;
  if (a.bias != nullptr) {
    for (size_t j = 0; j < count; j += step) {
      hn::StoreU(hn::Add(hn::LoadU(d, y + j), LoadFirst(d, a.bias + first + j, count - j)), d, y + j);
    }
  }
  if (a.activation != INVAR_ACTIVATION_NONE) Activate(a.activation, y, count);
  for (size_t j = 0; j < count; j += step) {
    VF v = hn::LoadU(d, y + j);
    if (residual != nullptr) v = hn::Add(LoadFirst(d, residual + j, count - j), v);
    StoreFirst(d, Canonical(d, v), dst + j, count - j);
  }
}

// The rows [row, row + rows) of a finished tile and `count` outputs, at most a panel, from `first` on. `y` is the tile's own buffer, rows
// `stride` apart.
static HWY_NOINLINE void FinishTile(const invar_matmul_args& a, size_t row, size_t rows, size_t first, size_t count, float* HWY_RESTRICT y,
                                    size_t stride) {
  const DF d;
  const size_t step = hn::Lanes(d);
  if (a.activation != INVAR_ACTIVATION_NONE || count % step != 0) {
    for (size_t i = 0; i < rows; ++i) FinishRow(a, row + i, first, count, y + i * stride);
    return;
  }
  for (size_t j = 0; j < count; j += step) {  // whole vectors
    float* const dst = a.dst + static_cast<ptrdiff_t>(row) * a.dst_stride + first + j;
    const float* const residual =
        a.residual == nullptr ? nullptr : a.residual + static_cast<ptrdiff_t>(row) * a.residual_stride + first + j;
    const bool biased = a.bias != nullptr;
    const VF bias = biased ? hn::LoadU(d, a.bias + first + j) : hn::Zero(d);
    for (size_t i = 0; i < rows; ++i) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(i);
      VF v = hn::LoadU(d, y + i * stride + j);
      if (biased) v = hn::Add(v, bias);
      if (residual != nullptr) v = hn::Add(hn::LoadU(d, residual + at * a.residual_stride), v);
      hn::StoreU(Canonical(d, v), d, dst + at * a.dst_stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_EPILOGUE_INL_H_
