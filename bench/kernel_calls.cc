#include "bench/kernel_calls.h"

#include <algorithm>
#include <stdexcept>

namespace invar::bench {
namespace {

invar_type TypeOf(const invar_kernel& kernel) {
  const std::string type = kernel.type;
  return type == "bf16" ? INVAR_BF16 : type == "f16" ? INVAR_F16 : INVAR_F32;
}

// Panels that the kernel passes over in one call: a block of weights that stays in the second-level cache, or shape.n outputs.
KernelCall Matmul(const invar_kernel& kernel, const KernelShape& shape, const WeightSource& weight_source) {
  const size_t panel_bytes = shape.k * INVAR_PANEL * TypeSize(TypeOf(kernel));
  const size_t bytes = shape.n == 0 ? 192 * 1024 : shape.n / INVAR_PANEL * panel_bytes;
  const size_t panels = std::max<size_t>(1, bytes / panel_bytes / kernel.panels) * kernel.panels;
  const size_t n = panels * INVAR_PANEL;
  const void* weights = weight_source(panels * panel_bytes);
  KernelCall made;
  made.flops = 2.0 * static_cast<double>(kernel.rows * n * shape.k);
  made.bytes = static_cast<double>(panels * panel_bytes);
  made.call = [&kernel, shape, panels, n, weights, x = Values(kernel.rows * shape.k, -1, 1),
               y = std::vector<float>(kernel.rows * n)]() mutable {
    invar_matmul_args args = {};
    args.k = shape.k;
    args.n = n;
    args.panel_end = panels;
    args.lhs = x.data();
    args.rhs = weights;
    args.dst = y.data();
    args.dst_stride = static_cast<int64_t>(n);
    args.all_tiles = 2;
    kernel.call.matmul(&args);
  };
  return made;
}

KernelCall Map(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made;
  made.elements = static_cast<double>(shape.n);
  made.bytes = 4.0 * made.elements * (kernel.operands + 1);
  made.call = [&kernel, x = Values(shape.n, 0.01f, 8), z = Values(shape.n, -1, 1, 2),
               y = std::vector<float>(shape.n)]() mutable {
    const invar_map_args args = {x.size(), x.data(), z.data(), y.data()};
    kernel.call.map(&args);
  };
  return made;
}

KernelCall RowWise(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made;
  made.elements = static_cast<double>(shape.rows * shape.n);
  made.bytes = 8.0 * made.elements;
  made.call = [&kernel, shape, x = Values(shape.rows * shape.n, -8, 8), gain = Values(shape.n, 0.5f, 1.5f, 2),
               bias = Values(shape.n, -1, 1, 3), y = std::vector<float>(shape.rows * shape.n)]() mutable {
    const int64_t stride = static_cast<int64_t>(shape.n);
    const invar_rows_args args = {shape.rows,  shape.n, x.data(), stride, gain.data(),
                                  bias.data(), 1e-5f,   y.data(), stride};
    kernel.call.rows_(&args);
  };
  return made;
}

KernelCall Reduce(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made;
  made.elements = static_cast<double>(shape.n);
  made.bytes = 4.0 * made.elements * kernel.operands;
  made.call = [&kernel, x = Values(shape.n, -1, 1), z = Values(shape.n, -1, 1, 2)]() {
    float value;
    int64_t index;
    const invar_reduce_args args = {x.size(), x.data(), z.data(), &value, &index};
    kernel.call.reduce(&args);
  };
  return made;
}

KernelCall Rope(const invar_kernel& kernel, const KernelShape& shape) {
  constexpr size_t kHeads = 16;
  const size_t width = kHeads * shape.n;
  KernelCall made;
  made.elements = static_cast<double>(shape.rows * width);
  made.bytes = 8.0 * made.elements;
  // In place, again and again: the angles are those of a rotation, so that nothing grows.
  made.call = [&kernel, shape, width, x = Values(shape.rows * width, -1, 1),
               cosine = std::vector<float>(shape.rows * shape.n / 2, 0.6f),
               sine = std::vector<float>(shape.rows * shape.n / 2, 0.8f)]() mutable {
    const invar_rope_args args = {shape.rows,
                                  kHeads,
                                  shape.n,
                                  x.data(),
                                  static_cast<int64_t>(width),
                                  static_cast<int64_t>(shape.n),
                                  cosine.data(),
                                  sine.data(),
                                  0};
    kernel.call.rope(&args);
  };
  return made;
}

KernelCall Embedding(const invar_kernel& kernel, const KernelShape& shape, const WeightSource& weight_source) {
  KernelCall made;
  made.elements = static_cast<double>(shape.n);
  made.bytes = static_cast<double>(8 + TypeSize(TypeOf(kernel))) * made.elements;
  const void* table = weight_source(shape.n * shape.step * TypeSize(TypeOf(kernel)));
  made.call = [&kernel, shape, table, position = Values(shape.n, -1, 1), y = std::vector<float>(shape.n)]() mutable {
    const invar_embedding_args args = {shape.n, table, static_cast<int64_t>(shape.step), position.data(), y.data()};
    kernel.call.embedding(&args);
  };
  return made;
}

KernelCall AttentionLeaf(const invar_kernel& kernel, const KernelShape& shape) {
  const size_t width = (shape.n + INVAR_PANEL - 1) / INVAR_PANEL * INVAR_PANEL;
  KernelCall made;
  made.flops = 4.0 * static_cast<double>(shape.rows * INVAR_LEAF * shape.n);
  made.bytes = 4.0 * static_cast<double>(INVAR_LEAF * (shape.n + width));
  made.call = [&kernel, shape, q = Values(shape.rows * shape.n, -1, 1), keys = Values(INVAR_LEAF * shape.n, -1, 1, 2),
               values = Values(INVAR_LEAF * width, -1, 1, 3), begin = std::vector<uint32_t>(shape.rows, 0),
               end = std::vector<uint32_t>(shape.rows, INVAR_LEAF), m = std::vector<float>(shape.rows),
               l = std::vector<float>(shape.rows), o = std::vector<float>(shape.rows * shape.n),
               workspace = std::vector<float>(invar_attention_workspace(shape.rows, shape.n))]() mutable {
    invar_attention_leaf_args args = {};
    args.rows = shape.rows;
    args.d = shape.n;
    args.scale = 0.125f;
    args.q = q.data();
    args.q_stride = static_cast<int64_t>(shape.n);
    args.keys = keys.data();
    args.values = values.data();
    args.begin = begin.data();
    args.end = end.data();
    args.m = m.data();
    args.l = l.data();
    args.o = o.data();
    args.o_stride = static_cast<int64_t>(shape.n);
    args.workspace = workspace.data();
    kernel.call.attention_leaf(&args);
  };
  return made;
}

KernelCall AttentionMerge(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made;
  made.elements = static_cast<double>(shape.rows * shape.n);
  made.bytes = 12.0 * made.elements;
  // The right child has a weight of almost nothing, so that the left, joined with it again and again, does not grow.
  made.call = [&kernel, shape, m_left = std::vector<float>(shape.rows, 30), l_left = Values(shape.rows, 1, 2),
               o_left = Values(shape.rows * shape.n, -1, 1), m_right = Values(shape.rows, 0, 1),
               l_right = Values(shape.rows, 1, 2, 2), o_right = Values(shape.rows * shape.n, -1, 1, 2)]() mutable {
    const invar_attention_merge_args args = {
        shape.rows,    shape.n,        nullptr,        m_left.data(),
        l_left.data(), o_left.data(),  m_right.data(), l_right.data(),
        o_right.data(), static_cast<int64_t>(shape.n)};
    kernel.call.attention_merge(&args);
  };
  return made;
}

KernelCall AttentionFinish(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made;
  made.elements = static_cast<double>(shape.rows * shape.n);
  made.bytes = 8.0 * made.elements;
  made.call = [&kernel, shape, l = Values(shape.rows, 1, 2), o = Values(shape.rows * shape.n, -1, 1),
               y = std::vector<float>(shape.rows * shape.n)]() mutable {
    const int64_t stride = static_cast<int64_t>(shape.n);
    const invar_attention_finish_args args = {shape.rows, shape.n, l.data(), o.data(), stride, y.data(), stride};
    kernel.call.attention_finish(&args);
  };
  return made;
}

}  // namespace

std::string NameOf(const invar_kernel& kernel) {
  return std::string(kernel.operation) + "/" + kernel.type + "/" + kernel.tile + "/" + kernel.isa;
}

// The shapes of a family, most telling first: with --quick it is the only one.
std::vector<KernelShape> ShapesOf(const invar_kernel& kernel) {
  const auto rows_by_n = [](size_t rows, size_t n, bool counted = true) {
    return KernelShape{"rows:" + std::to_string(rows) + "/n:" + std::to_string(n), rows, n, 0, 1, counted};
  };
  switch (kernel.family) {
    case INVAR_FAMILY_MATMUL: {
      std::vector<KernelShape> shapes = {{"k:1024", 1, 0, 1024}, {"k:768", 1, 0, 768, 1, false}, {"k:3072", 1, 0, 3072, 1, false}};
      if (kernel.rows == 1) shapes.push_back({"n:512/k:1024", 1, 512, 1024});  // more weights than it takes for lying in cache
      return shapes;
    }
    case INVAR_FAMILY_MAP:
      return {{"n:4096", 1, 4096}};
    case INVAR_FAMILY_ROWS:
      return {rows_by_n(16, 1024), rows_by_n(1, 151936, false)};
    case INVAR_FAMILY_REDUCE:
      return {{"n:1024", 1, 1024}, {"n:151936", 1, 151936, 0, 1, false}};
    case INVAR_FAMILY_ROPE:
      return {rows_by_n(16, 128)};
    case INVAR_FAMILY_EMBEDDING:
      return {{"n:1024/step:1", 1, 1024, 0, 1}, {"n:1024/step:16", 1, 1024, 0, 16}};
    case INVAR_FAMILY_ATTENTION_LEAF:
      return {rows_by_n(48, 128), rows_by_n(48, 64, false), rows_by_n(2, 128), rows_by_n(1, 64)};
    case INVAR_FAMILY_ATTENTION_MERGE:
    case INVAR_FAMILY_ATTENTION_FINISH:
      return {rows_by_n(48, 128)};
  }
  throw std::runtime_error("bench/kernel_calls.cc does not know this family of kernels yet");
}

KernelCall CallOf(const invar_kernel& kernel, const KernelShape& shape, const WeightSource& weights) {
  switch (kernel.family) {
    case INVAR_FAMILY_MATMUL:
      return Matmul(kernel, shape, weights);
    case INVAR_FAMILY_MAP:
      return Map(kernel, shape);
    case INVAR_FAMILY_ROWS:
      return RowWise(kernel, shape);
    case INVAR_FAMILY_REDUCE:
      return Reduce(kernel, shape);
    case INVAR_FAMILY_ROPE:
      return Rope(kernel, shape);
    case INVAR_FAMILY_EMBEDDING:
      return Embedding(kernel, shape, weights);
    case INVAR_FAMILY_ATTENTION_LEAF:
      return AttentionLeaf(kernel, shape);
    case INVAR_FAMILY_ATTENTION_MERGE:
      return AttentionMerge(kernel, shape);
    case INVAR_FAMILY_ATTENTION_FINISH:
      return AttentionFinish(kernel, shape);
  }
  throw std::runtime_error("bench/kernel_calls.cc does not know this family of kernels yet");
}

std::vector<float> Values(size_t count, float low, float high, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = low + (high - low) * (static_cast<float>(state >> 8) + 0.5f) * 0x1p-24f;
  }
  return values;
}

void FillWeights(uint16_t* halves, size_t count) {
  // Every half word is a small number as bfloat16 and as binary16, and so is every whole word as binary32: one fill
  // serves all storage types.
  uint32_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    halves[i] = static_cast<uint16_t>(0x3C00u | (state >> 24) | (state >> 8 & 0x8000u));
  }
}

}  // namespace invar::bench
