#include "runtime/kernels/operations.h"

#include <algorithm>
#include <cstring>

#include "invar/transpose.h"
#include "runtime/kernels/cuts.h"
#include "runtime/kernels/overlap.h"

namespace invar {

float* Scratch::Get(size_t size) {
  if (size > size_) {
    size_ = 0;
    data_.reset();
    data_ = AllocatePages(size * sizeof(float), true);
    size_ = size;
  }
  return static_cast<float*>(data_.get());
}

Rows RowsOf(Scratch& scratch, size_t rows, size_t columns) {
  constexpr size_t kLine = 64 / sizeof(float);
  const size_t stride = (CeilDiv(columns, kLine) | 1) * kLine;
  return {scratch.Get(rows * stride), static_cast<int64_t>(stride)};
}

void ForEachRow(const Context& context, RowsKernel kernel, size_t rows, size_t n, const Rows& x, const float* gain,
                const float* bias, float epsilon, const Rows& y) {
  RequireSameOrApart("a row operation", x, y, n, rows);
  const RowTiles parts(rows, std::max<size_t>(1, CeilDiv(rows, static_cast<size_t>(context.team.threads()) * 2)));
  context.team.For(rows == 0 ? 0 : parts.tiles, [&](size_t part) {
    const size_t begin = parts.Begin(part);
    const invar_rows_args args = {parts.Height(part), n,       x.row(begin), x.stride, gain, bias,
                                  epsilon,            y.row(begin), y.stride};
    kernel(&args);
  });
}

void MapRows(const Context& context, MapKernel kernel, size_t rows, size_t n, const Rows& x, const Rows& z,
             const Rows& y) {
  RequireSameOrApart("an elementwise operation", x, y, n, rows);
  RequireSameOrApart("an elementwise operation", z, y, n, rows);
  // Rows are cut too, so that a single row of a decode step is shared.
  constexpr size_t kPiece = 2048;
  const size_t pieces = CeilDiv(n, kPiece);
  context.team.For(rows * pieces, [&](size_t task) {
    const size_t row = task / pieces, begin = task % pieces * kPiece;
    const invar_map_args args = {std::min(kPiece, n - begin), x.row(row) + begin,
                                 z.data == nullptr ? nullptr : z.row(row) + begin, y.row(row) + begin};
    kernel(&args);
  });
}

void RotaryTables(const Context& context, size_t rows, const uint32_t* positions, size_t n, const float* frequencies,
                  float attention_factor, const Rows& cosine, const Rows& sine) {
  for (size_t r = 0; r < rows; ++r) {
    const float position = static_cast<float>(positions[r]);
    for (size_t i = 0; i < n; ++i) sine.row(r)[i] = position * frequencies[i];
  }
  MapRows(context, context.kernels.cos, rows, n, sine, {}, cosine);
  MapRows(context, context.kernels.sin, rows, n, sine, {}, sine);
  if (attention_factor == 1.0f) return;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < n; ++i) {
      cosine.row(r)[i] = cosine.row(r)[i] * attention_factor;
      sine.row(r)[i] = sine.row(r)[i] * attention_factor;
    }
  }
}

void StoreKeysAndValues(const Context& context, const AttentionShape& shape, const AttentionSequence& sequence,
                        const Rows& k, const Rows& v) {
  const size_t d = shape.d, d_panels = CeilDiv(d, INVAR_PANEL);
  const size_t end = sequence.position + sequence.rows, first_panel = sequence.position / INVAR_PANEL;
  const size_t panels = CeilDiv(end, INVAR_PANEL) - first_panel;
  context.team.For(panels * shape.kv_heads, [&](size_t task) {
    const size_t head = task % shape.kv_heads, panel = first_panel + task / shape.kv_heads;
    const size_t from = std::max(sequence.position, panel * INVAR_PANEL), to = std::min(end, (panel + 1) * INVAR_PANEL);
    const KvBlock& block = sequence.blocks[from / INVAR_LEAF];
    float* const keys = block.keys + (head * (INVAR_LEAF / INVAR_PANEL) + panel % (INVAR_LEAF / INVAR_PANEL)) * d * INVAR_PANEL;
    if (to - from == INVAR_PANEL) {
      TransposeRows(INVAR_PANEL, d, k.row(from - sequence.position) + head * d, static_cast<ptrdiff_t>(k.stride), keys);
    } else {
      for (size_t position = from; position < to; ++position) {
        const float* key = k.row(position - sequence.position) + head * d;
        for (size_t i = 0; i < d; ++i) keys[i * INVAR_PANEL + position % INVAR_PANEL] = key[i];
      }
    }
    for (size_t position = from; position < to; ++position) {
      const float* value = v.row(position - sequence.position) + head * d;
      for (size_t p = 0; p < d_panels; ++p) {
        std::memcpy(block.values + ((head * d_panels + p) * INVAR_LEAF + position % INVAR_LEAF) * INVAR_PANEL, value + p * INVAR_PANEL,
                    std::min<size_t>(INVAR_PANEL, d - p * INVAR_PANEL) * sizeof(float));
      }
    }
  });
}

}  // namespace invar
