// Projections over a team of threads: how rows, outputs and terms are cut so that weights come from memory while rows stay in
// cache. No bit depends on where it is cut.
#include <algorithm>
#include <vector>

#include <unistd.h>

#include "invar/tree.h"
#include "runtime/kernels/cuts.h"
#include "runtime/kernels/operations.h"
#include "runtime/kernels/overlap.h"

namespace invar {
namespace {

// Blocks of panels for each thread, over all chunks of rows, where there are outputs enough: then the last to end is not long alone.
constexpr size_t kBlocksOfThread = 32;

// Parts of rows for each thread, where outputs are few.
constexpr size_t kPartsOfThread = 8;

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

// Rows from `first` on, by tiles.
struct PackedRows {
  const float* data;
  size_t first;
};

class Projection {
 public:
  Projection(const Kernels& kernels, const Linear& w, size_t rows, size_t team)
      : kernels_(kernels), w_(w), tiles_(rows, kernels.max_rows(w.type)), tree_(MatmulTreeOf(w.k)), panels_(CeilDiv(w.n, INVAR_PANEL)) {
    set_ = PanelsOf(0);  // whole tiles of both heights
    while (set_ % PanelsOf(tiles_.tiles - 1) != 0) set_ += PanelsOf(0);
    // A single row's outputs, where they are fewer than tiles of all threads, in parts of tiles: computing the rest in vain costs less
    // than a thread without work, for all wait for memory.
    if (rows == 1) set_ = std::min(set_, std::max<size_t>(1, panels_ / team));

    // A chunk of rows stays in the second-level cache, in three eighths of it, while weights pass, a set of panels at a time: each set
    // is read while the rows pass over the one before. Of a long contraction some leaves at a time, or a chunk would be few rows.
    const bool once = tiles_.tiles == 1;  // reads each weight once, of as many sets as it gets
    leaves_ = tree_.leaves;
    while (!once && leaves_ > 1 && leaves_ * tree_.leaf_length > kernels.most_terms()) leaves_ /= 2;
    const size_t terms = std::min<size_t>(w.k, leaves_ * tree_.leaf_length);
    const size_t tile_bytes = std::max<size_t>(1, tiles_.Height(0) * terms * sizeof(float));
    const size_t chunks = CeilDiv(tiles_.tiles, std::max<size_t>(1, CacheBytes() * 3 / 8 / tile_bytes));

    block_ = once ? set_ : team == 1 ? std::max<size_t>(1, panels_) : Sets(CeilDiv(panels_ * chunks, team * kBlocksOfThread)) * set_;
    size_t most_panels = block_;
    if (!whole()) {  // the nodes that wait between passes have another eighth of that cache, or are of one set
      node_levels_ = static_cast<size_t>(LevelsOf(tree_.leaves) - LevelsOf(leaves_)) + 1;
      const size_t set_bytes = Nodes(CeilDiv(tiles_.tiles, chunks) * tiles_.Height(0)) * sizeof(float);
      most_panels = std::max<size_t>(1, CacheBytes() / 8 / set_bytes) * set_;
      block_ = std::min(block_, most_panels);
    }
    blocks_ = std::max<size_t>(1, CeilDiv(panels_, block_));
    most_blocks_ = whole() ? blocks_ : most_panels / block_;
    // Chunks are cut further where blocks are few: into two pieces for each thread, whatever their height; and for balance into up to
    // kPartsOfThread, but only into parts of 64 rows or more, since each part reads the weights again.
    const size_t for_work = CeilDiv(team * 2, blocks_), for_balance = std::min(CeilDiv(team * kPartsOfThread, blocks_), rows / 64);
    parts_ = team == 1 ? chunks : std::min(std::max({chunks, for_work, for_balance}), tiles_.tiles);
  }

  const RowTiles& tiles() const { return tiles_; }
  // Pieces of work. The blocks of a part follow one another, so that a thread that takes some of them keeps its rows.
  size_t pieces() const { return blocks_ * parts_; }

  // Parts of rows, each of so many tiles more or less; a part's pieces follow one another.
  size_t parts() const { return parts_; }

  // The pieces [begin, end), whose rows `packed` holds.
  void Compute(size_t begin, size_t end, const PackedRows& packed, const Product& product) const {
    invar_matmul_args args = {};
    args.k = w_.k;
    args.n = w_.n;
    args.rhs = w_.packed;
    args.bias = w_.bias;
    args.activation = product.activation;
    args.dst_stride = product.y.stride;
    for (size_t piece = begin; piece < end;) {
      const size_t part = piece / blocks_, first = piece % blocks_;
      const size_t count = std::min({end - piece, blocks_ - first, most_blocks_});
      Compute(first * block_, std::min((first + count) * block_, panels_), part * tiles_.tiles / parts_, (part + 1) * tiles_.tiles / parts_,
              packed, product, args);
      piece += count;
    }
  }

 private:
  bool whole() const { return leaves_ == tree_.leaves; }
  size_t PanelsOf(size_t tile) const { return kernels_.matmul(w_.type, static_cast<uint32_t>(tiles_.Height(tile))).panels; }
  size_t Sets(size_t panels) const { return std::max<size_t>(1, CeilDiv(panels, set_)); }
  // Floats of the nodes that wait between passes, of so many rows by a set of panels.
  size_t Nodes(size_t rows) const { return node_levels_ * rows * set_ * INVAR_PANEL; }

  // The panels [panel_begin, panel_end) of the rows of tiles [tile_begin, tile_end).
  void Compute(size_t panel_begin, size_t panel_end, size_t tile_begin, size_t tile_end, const PackedRows& packed, const Product& product,
               invar_matmul_args& args) const {
    args.all_tiles = tile_end - tile_begin;
    const size_t step = args.all_tiles == 1 ? panel_end - panel_begin : set_;
    float* nodes = nullptr;
    if (!whole()) nodes = ThreadNodes().Get(Nodes(tiles_.Begin(tile_end) - tiles_.Begin(tile_begin)) * Sets(panel_end - panel_begin));
    for (size_t leaf = 0; leaf < tree_.leaves; leaf += leaves_) {
      if (!whole()) {
        args.leaf_begin = leaf;
        args.leaf_end = leaf + leaves_;
      }
      float* at = nodes;
      for (size_t panel = panel_begin; panel < panel_end; panel += step) {
        args.panel_begin = panel;
        args.panel_end = std::min(panel + step, panel_end);
        for (size_t tile = tile_begin; tile < tile_end; tile += args.tiles) {
          const size_t row = tiles_.Begin(tile), height = tiles_.Height(tile);
          args.tiles = tiles_.EqualFrom(tile, tile_end);
          args.first_tile = tile - tile_begin;
          args.lhs = packed.data + (row - packed.first) * w_.k;
          args.dst = product.y.row(row);
          if (product.residual != nullptr) {
            args.residual = product.residual->row(row);
            args.residual_stride = product.residual->stride;
          }
          args.nodes = at;
          kernels_.matmul(w_.type, static_cast<uint32_t>(height)).call.matmul(&args);
          if (!whole()) at += Nodes(args.tiles * height) * Sets(step);
        }
      }
    }
  }

  const Kernels& kernels_;
  const Linear& w_;
  const RowTiles tiles_;
  const MatmulTree tree_;
  const size_t panels_;
  size_t set_ = 1;         // panels that tiles pass over together
  size_t leaves_ = 1;      // that one pass adds
  size_t node_levels_ = 0;
  size_t block_ = 1, blocks_ = 1;  // of panels
  size_t most_blocks_ = 1;         // that pass over their rows together
  size_t parts_ = 1;               // of rows
};

}  // namespace

void Matmul(const Context& context, const Linear& w, size_t rows, const Rows& x, const Rows& y, invar_activation activation,
            const Rows* residual) {
  Matmuls(context, rows, x, {{&w, y, activation, residual}});
}

void Matmuls(const Context& context, size_t rows, const Rows& x, const std::vector<Product>& products) {
  const size_t k = products[0].w->k;
  const bool empty = std::all_of(products.begin(), products.end(), [](const Product& p) { return p.w->n == 0; });
  if (rows == 0 || empty) return;
  for (const Product& p : products) {
    RequireApart("matmul", x, p.w->k, p.y, p.w->n, rows);
    for (const Product& other : products) {
      if (&other != &p) RequireApart("matmul", other.y, other.w->n, p.y, p.w->n, rows);
      if (other.residual == nullptr) continue;
      if (&other == &p) RequireSameOrApart("matmul", *p.residual, p.y, p.w->n, rows);
      else RequireApart("matmul", *other.residual, other.w->n, p.y, p.w->n, rows);
    }
  }
  const auto one_kind = [&](const Product& p) {
    return p.w->k == k && context.kernels.max_rows(p.w->type) == context.kernels.max_rows(products[0].w->type);
  };
  if (!std::all_of(products.begin(), products.end(), one_kind)) {
    for (const Product& p : products) Matmuls(context, rows, x, {p});
    return;
  }
  const size_t team = static_cast<size_t>(context.team.threads());
  std::vector<Projection> projections;
  for (const Product& p : products) projections.emplace_back(context.kernels, *p.w, rows, team);

  // Rows are packed once for all panels, some columns of a tile at a time. One thread packs a part, passes all panels over it while it
  // is in the second-level cache, and packs the next in its place. Several share the packing of all rows, each of which any may want.
  const RowTiles& tiles = projections[0].tiles();
  const size_t parts = projections[0].parts(), rounds = team == 1 ? parts : 1;  // of one thread all products have the same parts
  for (size_t round = 0; round < rounds; ++round) {
    const size_t tile_begin = round * tiles.tiles / rounds, tile_end = (round + 1) * tiles.tiles / rounds;
    PackedRows packed = {x.data, 0};  // a single row is its own packed form
    if (rows > 1) {
      constexpr size_t kColumns = 512;
      const size_t first = tiles.Begin(tile_begin), pieces = CeilDiv(k, kColumns);
      float* const dst = context.packed_rows.Get((tiles.Begin(tile_end) - first) * k);
      context.team.For((tile_end - tile_begin) * pieces, [&](size_t task) {
        const size_t tile = tile_begin + task / pieces, begin = tiles.Begin(tile), height = tiles.Height(tile), column = task % pieces * kColumns;
        invar_pack_rows(height, std::min(kColumns, k - column), x.row(begin) + column, x.stride, dst + (begin - first) * k + column * height);
      });
      packed = {dst, first};
    }
    // The pieces of this round, of one product after the other.
    std::vector<size_t> begins = {0};
    for (const Projection& p : projections) begins.push_back(begins.back() + p.pieces() / rounds);
    const Shares shares(begins.back(), team);
    context.team.For(shares.size(), [&](size_t share) {
      for (size_t i = 0; i < products.size(); ++i) {
        const size_t begin = std::max(shares.Begin(share), begins[i]), end = std::min(shares.Begin(share + 1), begins[i + 1]);
        const size_t before = round * (begins[i + 1] - begins[i]);  // in rounds before
        if (begin < end) projections[i].Compute(before + begin - begins[i], before + end - begins[i], packed, products[i]);
      }
    });
  }
}

}  // namespace invar
