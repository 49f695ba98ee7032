// Packed layouts: moves elements, never computes with them. Eigen maps the strided sources; the element types are
// integers of the storage's width, so that not even a NaN's bits can change on the way.
#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "invar/kernels.h"
#include "invar/transpose.h"

namespace {

template <class Element>
using Matrix = Eigen::Matrix<Element, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;

// Source: n x k, elements anywhere. One panel becomes [k][16], outputs beyond n zero.
template <class Element>
void PackPanel(uint64_t n, uint64_t k, const Element* w, int64_t row_stride, int64_t column_stride, uint64_t panel,
               Element* dst) {
  const uint64_t first = panel * INVAR_PANEL;
  const Eigen::Index count = static_cast<Eigen::Index>(std::min<uint64_t>(INVAR_PANEL, n - first));
  const Eigen::Index depth = static_cast<Eigen::Index>(k);
  const Eigen::Map<const Matrix<Element>, Eigen::Unaligned, Strides> source(
      w + static_cast<int64_t>(first) * row_stride, count, depth, Strides(row_stride, column_stride));
  Eigen::Map<Matrix<Element>> packed(dst, depth, INVAR_PANEL);
  // Blocks of depth keep sixteen source rows within the first-level cache.
  constexpr Eigen::Index kBlock = 128;
  for (Eigen::Index begin = 0; begin < depth; begin += kBlock) {
    const Eigen::Index rows = std::min(kBlock, depth - begin);
    packed.block(begin, 0, rows, count) = source.middleCols(begin, rows).transpose();
    if (count < INVAR_PANEL) packed.block(begin, count, rows, INVAR_PANEL - count).setZero();
  }
}

template <class Element>
void Pack(uint64_t n, uint64_t k, const void* w, int64_t row_stride, int64_t column_stride, uint64_t panel_begin,
          uint64_t panel_end, void* dst) {
  for (uint64_t panel = panel_begin; panel < panel_end; ++panel) {
    PackPanel(n, k, static_cast<const Element*>(w), row_stride, column_stride, panel,
              static_cast<Element*>(dst) + panel * k * INVAR_PANEL);
  }
}

}  // namespace

extern "C" {

uint64_t invar_packed_size(uint64_t n, uint64_t k) {
  return (n + INVAR_PANEL - 1) / INVAR_PANEL * INVAR_PANEL * k;
}

void invar_pack_panels(invar_type type, uint64_t n, uint64_t k, const void* w, int64_t row_stride,
                       int64_t column_stride, uint64_t panel_begin, uint64_t panel_end, void* dst) {
  if (n == 0 || k == 0) return;
  if (type == INVAR_F32) {
    Pack<uint32_t>(n, k, w, row_stride, column_stride, panel_begin, panel_end, dst);
  } else {
    Pack<uint16_t>(n, k, w, row_stride, column_stride, panel_begin, panel_end, dst);
  }
}

void invar_pack_rows(uint64_t rows, uint64_t k, const float* x, int64_t stride, float* dst) {
  invar::TransposeRows(rows, k, x, static_cast<ptrdiff_t>(stride), dst);
}

uint64_t invar_attention_workspace(uint64_t rows, uint64_t d) {
  (void)rows;  // tiles of at most sixteen rows, whatever the call's
  const uint64_t width = (d + INVAR_PANEL - 1) / INVAR_PANEL * INVAR_PANEL;
  return 16 * (d + 2 * INVAR_LEAF + width);
}

}  // extern "C"
