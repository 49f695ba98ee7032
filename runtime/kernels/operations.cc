#include "runtime/kernels/operations.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <unistd.h>

#include "invar/transpose.h"
#include "invar/tree.h"
#include "runtime/kernels/cuts.h"
#include "runtime/kernels/overlap.h"

namespace invar {
namespace {

// Rows that go through all passes over a block together.
constexpr size_t kPassRows = 512;

// Pieces of work for each thread, where there are rows and outputs enough: then the last to end is not long alone.
constexpr size_t kPiecesOfThread = 8;

// The nodes that wait between passes, one thread's.
Scratch& ThreadNodes() {
  static thread_local Scratch nodes;
  return nodes;
}

// Bytes of a core's second-level cache, or a common size where the system does not say.
size_t CacheBytes() {
  static const size_t bytes = [] {
    long said = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
    said = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return std::clamp<size_t>(said > 0 ? static_cast<size_t>(said) : 0, 256 * 1024, 4096 * 1024);
  }();
  return bytes;
}

}  // namespace

Scratch::~Scratch() { std::free(data_); }

float* Scratch::Get(size_t size) {
  if (size > size_) {
    std::free(data_);
    data_ = nullptr;
    size_ = 0;
    const size_t bytes = CeilDiv(size * sizeof(float), 64) * 64;
    data_ = static_cast<float*>(std::aligned_alloc(64, bytes));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, bytes);
    size_ = bytes / sizeof(float);
  }
  return data_;
}

void Matmul(const Context& context, const Linear& w, size_t rows, const Rows& x, const Rows& y,
            invar_activation activation, const Rows* residual) {
  if (rows == 0 || w.n == 0) return;
  RequireApart("matmul", x, w.k, y, w.n, rows);
  if (residual != nullptr) RequireSameOrApart("matmul", *residual, y, w.n, rows);
  const Kernels& kernels = context.kernels;
  const RowTiles tiles(rows, kernels.max_rows(w.type));

  // A single row is its own packed form; more are packed once for all panels.
  const float* packed = x.data;
  if (rows > 1) {
    float* dst = context.packed_rows.Get(rows * w.k);
    context.team.For(tiles.tiles, [&](size_t tile) {
      const size_t begin = tiles.Begin(tile);
      invar_pack_rows(tiles.Height(tile), w.k, x.row(begin), x.stride, dst + begin * w.k);
    });
    packed = dst;
  }

  const size_t panels = CeilDiv(w.n, INVAR_PANEL);
  const auto panels_of = [&](size_t tile) -> size_t { return kernels.matmul(w.type, static_cast<uint32_t>(tiles.Height(tile))).panels; };
  const size_t team = static_cast<size_t>(context.team.threads());
  // A block of weights, an eighth of the second-level cache, stays there while rows pass over it, another eighth at a time: of a
  // long contraction some leaves at a time, or few outputs would fill that cache. A single tile reads each weight once.
  const bool once = tiles.tiles == 1;
  const size_t weight_bytes = CacheBytes() / 8, row_bytes = CacheBytes() / 8;
  const MatmulTree tree = MatmulTreeOf(w.k);
  size_t leaves = tree.leaves;
  while (!once && leaves > 1 && leaves * tree.leaf_length > kernels.most_terms()) leaves /= 2;
  const bool whole = leaves == tree.leaves;
  const size_t terms = std::min(w.k, leaves * tree.leaf_length);
  const size_t panel_bytes = std::max<size_t>(1, terms * INVAR_PANEL * (w.type == INVAR_F32 ? 4 : 2));
  size_t step = panels_of(0);  // whole tiles of both heights, where such a block is not too large
  while (step % panels_of(tiles.tiles - 1) != 0) step += panels_of(0);
  if (step * panel_bytes > weight_bytes) step = panels_of(0);
  // A single row's outputs, where they are fewer than tiles of all threads, in parts of tiles: computing the rest in vain costs less
  // than a thread without work, for all wait for memory.
  if (rows == 1) step = std::min(step, std::max<size_t>(1, panels / team));
  size_t block = once ? step : std::max<size_t>(1, weight_bytes / panel_bytes / step) * step;
  if (team > 1) block = std::clamp(CeilDiv(CeilDiv(panels * tiles.tiles, team * kPiecesOfThread), step) * step, step, block);
  const size_t blocks = CeilDiv(panels, block);
  // Rows are cut too where blocks are few: into two pieces for each thread, whatever their height; and for balance into up to
  // kPiecesOfThread, but only into parts of 64 rows or more, since each part reads its block again. The parts of a block follow one
  // another, while some cache holds it.
  const size_t parts_for_work = CeilDiv(team * 2, blocks), parts_for_balance = std::min(CeilDiv(team * kPiecesOfThread, blocks), rows / 64);
  const size_t parts = team == 1 ? 1 : std::min(std::max(parts_for_work, parts_for_balance), tiles.tiles);
  const Shares shares(blocks * parts, team);

  // The panels [panel_begin, panel_end) of the rows of tiles [tile_begin, tile_end).
  const auto compute = [&](size_t panel_begin, size_t panel_end, size_t tile_begin, size_t tile_end) {
    invar_matmul_args args = {};
    args.k = w.k;
    args.n = w.n;
    args.panel_begin = panel_begin;
    args.panel_end = panel_end;
    args.rhs = w.packed;
    args.bias = w.bias;
    args.activation = activation;
    args.dst_stride = y.stride;
    args.reread = tile_end - tile_begin > 1 ? 1 : 0;
    // What waits between passes is of some hundred rows at a time, so that a long prompt needs no more memory.
    const size_t part = whole ? tiles.tiles : std::max<size_t>(1, kPassRows / tiles.Height(0));
    for (size_t begin = tile_begin; begin < tile_end; begin += part) {
      const size_t end = std::min(begin + part, tile_end);
      float* nodes = nullptr;
      if (!whole) nodes = ThreadNodes().Get(invar_matmul_nodes(w.k, leaves, tiles.Begin(end) - tiles.Begin(begin), block));
      for (size_t leaf = 0; leaf < tree.leaves; leaf += leaves) {
        if (!whole) {
          args.leaf_begin = leaf;
          args.leaf_end = leaf + leaves;
          args.nodes = nodes;
        }
        for (size_t tile = begin; tile < end; tile += args.tiles) {
          const size_t row = tiles.Begin(tile);
          const size_t tile_bytes = std::max<size_t>(1, tiles.Height(tile) * terms * sizeof(float));
          args.tiles = std::min(tiles.EqualFrom(tile, end), std::max<size_t>(1, row_bytes / tile_bytes));
          args.lhs = packed + row * w.k;
          args.dst = y.row(row);
          if (residual != nullptr) {
            args.residual = residual->row(row);
            args.residual_stride = residual->stride;
          }
          kernels.matmul(w.type, static_cast<uint32_t>(tiles.Height(tile))).call.matmul(&args);
          if (!whole) args.nodes += invar_matmul_nodes(w.k, leaves, args.tiles * tiles.Height(tile), block);
        }
      }
    }
  };
  context.team.For(shares.size(), [&](size_t share) {
    for (size_t i = shares.Begin(share); i < shares.Begin(share + 1);) {
      const size_t first = i / parts, part = i % parts;
      const size_t count = once ? shares.Begin(share + 1) - i : 1;  // a single tile takes them in one stretch
      compute(first * block, std::min((first + count) * block, panels), part * tiles.tiles / parts, (part + 1) * tiles.tiles / parts);
      i += count;
    }
  });
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
