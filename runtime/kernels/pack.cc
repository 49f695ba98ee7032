// Packed layouts: moves elements, never computes with them. Rows and columns that lie one after the other are turned by
// vectors. The element types are integers of the storage's width, so that not even a NaN's bits can change on the way, and are
// copied as bytes, which lie at any address.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "invar/kernels.h"
#include "invar/transpose.h"
#include "invar/tree.h"

namespace {

#ifdef INVAR_VECTOR_SHUFFLES
typedef uint16_t EightHalves __attribute__((vector_size(16)));

// Eight rows by eight columns of 16 bits; rows of the destination are a panel's.
void TransposeBlock(const uint16_t* x, int64_t stride, uint16_t* dst) {
  EightHalves a[8], b[8];
  for (int r = 0; r < 8; ++r) std::memcpy(&a[r], x + r * stride, sizeof(a[r]));
  const auto low = [](EightHalves u, EightHalves v) { return __builtin_shufflevector(u, v, 0, 8, 1, 9, 2, 10, 3, 11); };
  const auto high = [](EightHalves u, EightHalves v) { return __builtin_shufflevector(u, v, 4, 12, 5, 13, 6, 14, 7, 15); };
  // Three times a row meets the one four further on: the bits of a place turn round by one each time.
  const auto turn = [&](const EightHalves* from, EightHalves* to) {
    to[0] = low(from[0], from[4]), to[1] = high(from[0], from[4]);
    to[2] = low(from[1], from[5]), to[3] = high(from[1], from[5]);
    to[4] = low(from[2], from[6]), to[5] = high(from[2], from[6]);
    to[6] = low(from[3], from[7]), to[7] = high(from[3], from[7]);
  };
  turn(a, b), turn(b, a), turn(a, b);
  for (int c = 0; c < 8; ++c) std::memcpy(dst + c * INVAR_PANEL, &b[c], sizeof(b[c]));
}

void TransposeBlock(const uint32_t* x, int64_t stride, uint32_t* dst) {
  invar::TransposeFour(x, static_cast<ptrdiff_t>(stride), INVAR_PANEL, dst);
}
#endif

// Sixteen rows of k elements, `stride` apart.
template <class Element>
void PackWholeRows(uint64_t k, const Element* w, int64_t stride, Element* dst) {
  uint64_t done = 0;
#ifdef INVAR_VECTOR_SHUFFLES
  constexpr uint64_t kBlock = 16 / sizeof(Element), kLine = 64 / sizeof(Element);
  // A line of each row at a time: rows that lie a power of two apart share few of the cache's sets.
  for (; done + kLine <= k; done += kLine) {
    for (uint64_t row = 0; row < INVAR_PANEL; row += kBlock) {
      for (uint64_t column = done; column < done + kLine; column += kBlock) {
        TransposeBlock(w + static_cast<int64_t>(row) * stride + column, stride, dst + column * INVAR_PANEL + row);
      }
    }
  }
#endif
  for (; done < k; ++done) {
    for (uint64_t row = 0; row < INVAR_PANEL; ++row) {
      std::memcpy(dst + done * INVAR_PANEL + row, w + static_cast<int64_t>(row) * stride + done, sizeof(Element));
    }
  }
}

// k stretches of sixteen elements, `stride` apart: a panel as it is, but for where it lies.
template <class Element>
void PackWholeColumns(uint64_t k, const Element* w, int64_t stride, Element* dst) {
  for (uint64_t i = 0; i < k; ++i) {
    std::memcpy(dst + i * INVAR_PANEL, w + static_cast<int64_t>(i) * stride, INVAR_PANEL * sizeof(Element));
  }
}

// Source: n x k, elements anywhere. One panel becomes [k][16], outputs beyond n zero.
template <class Element>
void PackPanel(uint64_t n, uint64_t k, const Element* w, int64_t row_stride, int64_t column_stride, uint64_t panel,
               Element* dst) {
  const uint64_t first = panel * INVAR_PANEL, count = std::min<uint64_t>(INVAR_PANEL, n - first);
  const Element* const rows = w + static_cast<int64_t>(first) * row_stride;
  if (count == INVAR_PANEL && column_stride == 1) return PackWholeRows(k, rows, row_stride, dst);
  if (count == INVAR_PANEL && row_stride == 1) return PackWholeColumns(k, rows, column_stride, dst);
  for (uint64_t i = 0; i < k; ++i, dst += INVAR_PANEL) {
    const Element* const column = rows + static_cast<int64_t>(i) * column_stride;
    for (uint64_t row = 0; row < count; ++row) {
      std::memcpy(dst + row, column + static_cast<int64_t>(row) * row_stride, sizeof(Element));
    }
    std::memset(dst + count, 0, (INVAR_PANEL - count) * sizeof(Element));
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

uint64_t invar_matmul_nodes(uint64_t k, uint64_t leaves, uint64_t rows, uint64_t panels) {
  const uint64_t most_panels = panels + 3;  // as whole tiles, of which none has more than four side by side
  const uint64_t levels = static_cast<uint64_t>(invar::LevelsOf(invar::MatmulTreeOf(k).leaves) - invar::LevelsOf(leaves)) + 1;
  return levels * rows * most_panels * INVAR_PANEL;
}

uint64_t invar_attention_workspace(uint64_t rows, uint64_t d) {
  (void)rows;  // tiles of at most sixteen rows, whatever the call's
  const uint64_t width = (d + INVAR_PANEL - 1) / INVAR_PANEL * INVAR_PANEL;
  return 16 * (2 * (INVAR_LEAF + INVAR_PANEL) + width);
}

}  // extern "C"
