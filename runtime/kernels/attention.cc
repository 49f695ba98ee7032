// Attention's tree over leaves (contract, section 3): which leaves a query sees, how nodes pair, and how the work is
// cut. Kernels compute the leaves and the joins.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "runtime/kernels/cuts.h"
#include "runtime/kernels/operations.h"
#include "runtime/kernels/overlap.h"

namespace invar {
namespace {

// Query rows of one task, at most: enough that a leaf's keys and values are read from cache again and again.
constexpr size_t kMostRows = 96;

// Nodes that the binary counter over leaves can hold: one for each level, and one at work.
constexpr size_t kMostNodes = 40;

// m, l and o of each row of a block, and whether the row sees anything below this node.
struct Node {
  size_t level = 0;
  size_t index = 0;
  uint8_t* valid = nullptr;  // [rows]
  float* m = nullptr;        // [rows]
  float* l = nullptr;        // [rows]
  float* o = nullptr;        // [rows][d]
};

// Memory of one thread's work on one block of query rows.
class Workspace {
 public:
  void Prepare(size_t rows, size_t d) {
    const size_t node_floats = rows * (d + 2);
    const size_t kernel_floats = invar_attention_workspace(rows, d);
    float* at = floats_.Get(rows * d + kernel_floats + kMostNodes * node_floats);
    bytes_.resize((kMostNodes + 1) * rows);
    ranges_.resize(2 * rows);
    q = at;
    at += rows * d;
    kernel = at;
    at += kernel_floats;
    for (size_t i = 0; i < kMostNodes; ++i, at += node_floats) {
      nodes[i].valid = bytes_.data() + i * rows;
      nodes[i].m = at;
      nodes[i].l = at + rows;
      nodes[i].o = at + 2 * rows;
    }
    flags = bytes_.data() + kMostNodes * rows;
    begin = ranges_.data();
    end = ranges_.data() + rows;
  }

  float* q = nullptr;       // [rows][d]
  float* kernel = nullptr;  // the leaf kernel's own
  Node nodes[kMostNodes];
  uint8_t* flags = nullptr;
  uint32_t* begin = nullptr;
  uint32_t* end = nullptr;

 private:
  Scratch floats_;
  std::vector<uint8_t> bytes_;
  std::vector<uint32_t> ranges_;
};

// Query rows of one key-value head: consecutive positions, and for each the heads that share it.
struct Block {
  const AttentionSequence* sequence;
  size_t kv_head;
  size_t first;      // query position, counted from the sequence's first row of this call
  size_t positions;

  size_t rows(size_t group) const { return positions * group; }
  size_t Position(size_t i) const { return sequence->position + first + i; }
  size_t FirstSeen(size_t i, size_t window) const {
    const size_t position = Position(i);
    return window == 0 || position < window ? 0 : position + 1 - window;
  }
  // Leaves that some row sees: [first, second).
  std::pair<size_t, size_t> Leaves(size_t window) const {
    return {FirstSeen(0, window) / INVAR_LEAF, Position(positions - 1) / INVAR_LEAF + 1};
  }
  const float* Keys(size_t leaf, size_t d) const { return sequence->blocks[leaf].keys + kv_head * INVAR_LEAF * d; }
  // The panel of keys that is read first.
  const float* FirstKeys(size_t window, size_t d) const {
    const size_t seen = FirstSeen(0, window);
    return Keys(seen / INVAR_LEAF, d) + seen % INVAR_LEAF / INVAR_PANEL * INVAR_PANEL * d;
  }
};

class BlockAttention {
 public:
  BlockAttention(const Kernels& kernels, const AttentionShape& shape, const Block& block, const Rows& q, Workspace& w)
      : kernels_(kernels), shape_(shape), block_(block), w_(w), group_(shape.heads / shape.kv_heads),
        rows_(block.rows(group_)) {
    w_.Prepare(rows_, shape.d);
    if (group_ == 1) {  // rows one stride apart as they are
      q_ = {RowOf(q, 0), q.stride};
      return;
    }
    for (size_t r = 0; r < rows_; ++r) std::memcpy(w_.q + r * shape.d, RowOf(q, r), shape.d * sizeof(float));
    q_ = {w_.q, static_cast<int64_t>(shape.d)};
  }

  size_t rows() const { return rows_; }

  std::pair<size_t, size_t> Leaves() const { return block_.Leaves(shape_.window); }

  // The node over leaves [begin, end), begin aligned to a power of two no smaller than end - begin: joins neighbours as
  // soon as both are there, by absolute index. `next_keys`: what this thread reads after them, or null.
  Node* Reduce(size_t begin, size_t end, const float* next_keys) {
    size_t depth = 0;
    for (size_t leaf = begin; leaf < end; ++leaf) {
      Node* node = &w_.nodes[depth];
      Leaf(leaf, *node, leaf + 1 < end ? block_.Keys(leaf + 1, shape_.d) : next_keys);
      node->level = 0;
      node->index = leaf;
      depth = Push(depth);
    }
    return Finish(depth);
  }

  // The root over nodes of equal level given in order of index; `load` fills node i.
  template <class Load>
  Node* Join(size_t count, const Load& load) {
    size_t depth = 0;
    for (size_t i = 0; i < count; ++i) {
      load(i, w_.nodes[depth]);
      depth = Push(depth);
    }
    return Finish(depth);
  }

  void Store(const Node& root, const Rows& y) const {
    // The heads of a group lie side by side in a row of y.
    const int64_t d = static_cast<int64_t>(shape_.d);
    const size_t step = group_ == 1 ? rows_ : group_;
    for (size_t r = 0; r < rows_; r += step) {
      const invar_attention_finish_args args = {step, shape_.d, root.l + r, root.o + r * shape_.d, d, RowOf(y, r), group_ == 1 ? y.stride : d};
      kernels_.attention_finish(&args);
    }
  }

 private:
  float* RowOf(const Rows& rows, size_t r) const {
    return rows.row(block_.sequence->first_row + block_.first + r / group_) + (block_.kv_head * group_ + r % group_) * shape_.d;
  }

  void Leaf(size_t leaf, Node& node, const float* next_keys) {
    const size_t base = leaf * INVAR_LEAF;
    for (size_t r = 0; r < rows_; ++r) {
      const size_t from = std::max(block_.FirstSeen(r / group_, shape_.window), base);
      const size_t to = std::min(block_.Position(r / group_) + 1, base + INVAR_LEAF);
      w_.begin[r] = static_cast<uint32_t>(from < to ? from - base : 0);
      w_.end[r] = static_cast<uint32_t>(from < to ? to - base : 0);
      node.valid[r] = from < to ? 1 : 0;
    }
    const size_t d = shape_.d, d_panels = CeilDiv(d, INVAR_PANEL);
    const KvBlock& kv = block_.sequence->blocks[leaf];
    invar_attention_leaf_args args = {};
    args.rows = rows_;
    args.d = d;
    args.scale = shape_.scale;
    args.q = q_.data;
    args.q_stride = q_.stride;
    args.keys = block_.Keys(leaf, d);
    args.values = kv.values + block_.kv_head * d_panels * INVAR_LEAF * INVAR_PANEL;
    args.begin = w_.begin;
    args.end = w_.end;
    args.m = node.m;
    args.l = node.l;
    args.o = node.o;
    args.o_stride = static_cast<int64_t>(d);
    args.workspace = w_.kernel;
    args.next_keys = next_keys;
    kernels_.attention_leaf(&args);
  }

  // left = left joined with right; where one has no visible position the other passes up unchanged.
  void Merge(Node& left, const Node& right) {
    const size_t d = shape_.d;
    for (size_t r = 0; r < rows_; ++r) {
      w_.flags[r] = left.valid[r] != 0 && right.valid[r] != 0 ? 1 : 0;
      if (left.valid[r] == 0 && right.valid[r] != 0) {
        left.valid[r] = 1;
        left.m[r] = right.m[r];
        left.l[r] = right.l[r];
        std::memcpy(left.o + r * d, right.o + r * d, d * sizeof(float));
      }
    }
    const invar_attention_merge_args args = {rows_,   d,       w_.flags, left.m,  left.l,
                                             left.o,  right.m, right.l,  right.o, static_cast<int64_t>(d)};
    kernels_.attention_merge(&args);
  }

  // nodes[depth] is new: while it is a right child, join it with its left sibling if that is there, else pass it up.
  size_t Push(size_t depth) {
    Node& node = w_.nodes[depth];
    while ((node.index & 1) != 0) {
      if (depth > 0 && w_.nodes[depth - 1].level == node.level && w_.nodes[depth - 1].index + 1 == node.index) {
        Node& left = w_.nodes[depth - 1];
        Merge(left, node);
        left.level += 1;
        left.index >>= 1;
        return Push(depth - 1);
      }
      node.level += 1;
      node.index >>= 1;
    }
    return depth + 1;
  }

  // No more leaves: right siblings that never came are passed over, level by level.
  Node* Finish(size_t depth) {
    for (; depth > 1; --depth) Merge(w_.nodes[depth - 2], w_.nodes[depth - 1]);
    return &w_.nodes[0];
  }

  const Kernels& kernels_;
  const AttentionShape& shape_;
  const Block& block_;
  Workspace& w_;
  const size_t group_;
  const size_t rows_;
  Rows q_;
};

Workspace& ThreadWorkspace() {
  static thread_local Workspace workspace;
  return workspace;
}

// A block whose leaves are shared among threads: aligned segments of a power of two of leaves, then the tree over them.
void AttentionBySegments(const Context& context, const AttentionShape& shape, const std::vector<Block>& blocks,
                         size_t most_leaves, const Rows& q, const Rows& y) {
  size_t segment = 1;
  const size_t wanted = CeilDiv(static_cast<size_t>(context.team.threads()) * 4, blocks.size());
  while (CeilDiv(most_leaves, segment) > std::max<size_t>(wanted, 1)) segment *= 2;
  const size_t segments = CeilDiv(most_leaves, segment);
  const size_t group = shape.heads / shape.kv_heads;
  size_t most_rows = 0;
  for (const Block& b : blocks) most_rows = std::max(most_rows, b.rows(group));
  const size_t node_floats = most_rows * (shape.d + 2);
  std::vector<float> floats(blocks.size() * segments * node_floats);
  std::vector<uint8_t> valid(blocks.size() * segments * most_rows);

  context.team.For(blocks.size() * segments, [&](size_t task) {
    const size_t s = task % segments;
    BlockAttention attention(context.kernels, shape, blocks[task / segments], q, ThreadWorkspace());
    const auto [from, to] = attention.Leaves();
    const size_t begin = std::max(from, s * segment), end = std::min(to, (s + 1) * segment);
    if (begin >= end) return;
    const Node* node = attention.Reduce(begin, end, nullptr);
    float* at = floats.data() + task * node_floats;
    const size_t rows = attention.rows();
    std::memcpy(at, node->m, rows * sizeof(float));
    std::memcpy(at + most_rows, node->l, rows * sizeof(float));
    std::memcpy(at + 2 * most_rows, node->o, rows * shape.d * sizeof(float));
    std::memcpy(valid.data() + task * most_rows, node->valid, rows);
  });

  context.team.For(blocks.size(), [&](size_t b) {
    BlockAttention attention(context.kernels, shape, blocks[b], q, ThreadWorkspace());
    const size_t rows = attention.rows();
    const auto [from, to] = attention.Leaves();
    const size_t first = from / segment, last = CeilDiv(to, segment);
    const Node* root = attention.Join(last - first, [&](size_t i, Node& node) {
      const size_t task = b * segments + first + i;
      const float* at = floats.data() + task * node_floats;
      node.level = 0;  // levels above the segments': only equality matters
      node.index = first + i;
      std::memcpy(node.m, at, rows * sizeof(float));
      std::memcpy(node.l, at + most_rows, rows * sizeof(float));
      std::memcpy(node.o, at + 2 * most_rows, rows * shape.d * sizeof(float));
      std::memcpy(node.valid, valid.data() + task * most_rows, rows);
    });
    attention.Store(*root, y);
  });
}

}  // namespace

void Attention(const Context& context, const AttentionShape& shape, const std::vector<AttentionSequence>& sequences,
               const Rows& q, const Rows& y) {
  const size_t group = shape.heads / shape.kv_heads;
  const size_t positions = std::max<size_t>(1, kMostRows / group);
  std::vector<Block> blocks;
  size_t most_leaves = 0, least_leaves = SIZE_MAX;
  for (const AttentionSequence& s : sequences) {
    for (size_t first = 0; first < s.rows; first += positions) {
      const size_t count = std::min(positions, s.rows - first), leaves = (s.position + first + count - 1) / INVAR_LEAF + 1;
      most_leaves = std::max(most_leaves, leaves);
      least_leaves = std::min(least_leaves, leaves);
      for (size_t head = 0; head < shape.kv_heads; ++head) blocks.push_back({&s, head, first, count});
    }
  }
  if (blocks.empty()) return;
  size_t rows = 0;
  for (const AttentionSequence& s : sequences) rows = std::max(rows, s.first_row + s.rows);
  RequireApart("attention", q, shape.heads * shape.d, y, shape.heads * shape.d, rows);
  const size_t team = static_cast<size_t>(context.team.threads());
  if (team > 1 && blocks.size() < team * 4 && most_leaves > 1) {
    AttentionBySegments(context, shape, blocks, most_leaves, q, y);
    return;
  }
  // Blocks of which none is much longer than another go to threads in runs, so that each knows what it reads next.
  const Shares shares = 2 * least_leaves >= most_leaves ? Shares(blocks.size(), team) : Shares::Single(blocks.size());
  context.team.For(shares.size(), [&](size_t share) {
    const size_t last = shares.Begin(share + 1);
    for (size_t i = shares.Begin(share); i < last; ++i) {
      BlockAttention attention(context.kernels, shape, blocks[i], q, ThreadWorkspace());
      const auto [begin, end] = attention.Leaves();
      const float* next_keys = i + 1 < last ? blocks[i + 1].FirstKeys(shape.window, shape.d) : nullptr;
      attention.Store(*attention.Reduce(begin, end, next_keys), y);
    }
  });
}

}  // namespace invar
