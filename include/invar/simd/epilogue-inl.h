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

// The rows [row, row + rows) of a finished tile and `count` outputs, at most a panel, from `first` on, on their way out: bias,
// activation, residual, the one NaN. `y` is the tile's own buffer, rows `stride` apart, of a whole panel each.
static HWY_NOINLINE void FinishTile(const invar_matmul_args& a, size_t row, size_t rows, size_t first, size_t count, float* HWY_RESTRICT y,
                                    size_t stride) {
  const DF d;
  const size_t step = hn::Lanes(d);
  const float* bias = a.bias == nullptr ? nullptr : a.bias + first;
  if (a.activation != INVAR_ACTIVATION_NONE) {
    if (bias != nullptr) {
      for (size_t j = 0; j < count; j += step) {
        const VF b = LoadFirst(d, bias + j, count - j);
        for (size_t i = 0; i < rows; ++i) hn::StoreU(hn::Add(hn::LoadU(d, y + i * stride + j), b), d, y + i * stride + j);
      }
      bias = nullptr;
    }
    if (stride == INVAR_PANEL) {  // all rows at once, what lies beyond `count` with them
      Activate(a.activation, y, rows * INVAR_PANEL);
    } else {
      for (size_t i = 0; i < rows; ++i) Activate(a.activation, y + i * stride, count);
    }
  }
  // The outputs from j on, `left` of them or a vector's worth.
  const auto store = [&](size_t j, size_t left) {
    const float* const residual = a.residual == nullptr ? nullptr : a.residual + static_cast<ptrdiff_t>(row) * a.residual_stride + first + j;
    float* const dst = a.dst + static_cast<ptrdiff_t>(row) * a.dst_stride + first + j;
    const VF b = bias == nullptr ? hn::Zero(d) : LoadFirst(d, bias + j, left);
    for (size_t i = 0; i < rows; ++i) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(i);
      VF v = hn::LoadU(d, y + i * stride + j);
      if (bias != nullptr) v = hn::Add(v, b);
      if (residual != nullptr) v = hn::Add(LoadFirst(d, residual + at * a.residual_stride, left), v);
      StoreFirst(d, Canonical(d, v), dst + at * a.dst_stride, left);
    }
  };
  size_t j = 0;
  for (; j + step <= count; j += step) store(j, step);
  if (j < count) store(j, count - j);
}

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_EPILOGUE_INL_H_
