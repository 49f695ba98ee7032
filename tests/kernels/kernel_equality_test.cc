// Every kernel of the registry against the scalar oracle, bit by bit. A kernel listed in codegen/kernels.yaml is tested
// here because it is in the registry: nothing names it. Every other call is made under a floating-point mode that is
// not the contract's (tests/support/float_mode.h).
//
// A kernel whose operation the oracle does not know is compared with the same operation on the lowest instruction set:
// the first half of a kernel's name fixes its bits. That no shipped operation is left to that, a test at the end checks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "invar/kernels.h"
#include "tests/kernels/cases.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/by_name.h"
#include "tests/oracle/operations.h"
#include "tests/support/under_mode.h"

namespace invar::testing {
namespace {

constexpr float kCanary = -12345.678f;

size_t compared_values = 0, calls_under_modes = 0;

std::vector<invar_kernel> Kernels() {
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  return {all, all + count};
}

bool Slow(const invar_kernel& k) { return std::string(k.isa) != "AVX2" && std::string(k.isa).rfind("AVX3", 0) != 0; }

void ExpectSame(const float* expected, const float* found, size_t n, const std::string& how) {
  compared_values += n;
  if (std::memcmp(expected, found, n * sizeof(float)) == 0) return;
  for (size_t i = 0; i < n; ++i) {
    if (std::memcmp(expected + i, found + i, sizeof(float)) != 0) {
      FAIL() << how << ": value " << i << " of " << n << " is 0x" << std::hex << oracle::Bits(found[i])
             << " instead of 0x" << oracle::Bits(expected[i]);
    }
  }
}

// Calls a kernel, every other time under the next of the modes that a calling program may have set.
template <class Args>
void Call(void (*kernel)(const Args*), const Args& args) {
  static size_t calls = 0;
  if (const size_t call = calls++; call % 2 == 0 && !FloatModes().empty()) {
    ++calls_under_modes;
    UnderMode(FloatModes()[call / 2 % FloatModes().size()], [&] { kernel(&args); });
  } else {
    kernel(&args);
  }
}

// A destination between canaries, at any alignment.
class Destination {
 public:
  Destination(size_t n, size_t offset) : n_(n), offset_(offset), memory_(n + offset + 64, kCanary) {}
  float* data() { return memory_.data() + offset_; }
  void Check(const std::string& how) const {
    for (size_t i = 0; i < memory_.size(); ++i) {
      if ((i < offset_ || i >= offset_ + n_) && memory_[i] != kCanary) FAIL() << how << ": wrote outside its destination";
    }
  }

 private:
  size_t n_, offset_;
  std::vector<float> memory_;
};

const std::vector<size_t>& Lengths() {
  static const std::vector<size_t> lengths = {0,  1,  2,  3,  7,   8,   15,  16,  17,  31,  32,  33,  47,   64,
                                              97, 127, 255, 256, 257, 271, 511, 512, 513, 768, 769, 1000, 1021, 3072};
  return lengths;
}

std::string Describe(const char* what, size_t n, Values values) {
  return std::string(what) + " of " + std::to_string(n) + ", values of kind " + std::to_string(static_cast<int>(values));
}

// ---- matmul

float Activated(invar_activation activation, float x) {
  static constexpr const char* kNames[] = {"", "gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu", "tanh"};
  return activation == INVAR_ACTIVATION_NONE ? x : oracle::MapOracles().at(kNames[activation])(x, 0.0f);
}

uint16_t Narrow(float x, bool bf16, Random& random) {
  // Any sixteen bits are a value; special kinds come from x where bf16 can take its upper half.
  return bf16 ? static_cast<uint16_t>(oracle::Bits(x) >> 16) : static_cast<uint16_t>(random.Bits());
}

void TestMatmul(const invar_kernel& kernel) {
  const std::string type = kernel.type;
  Random random(11 + kernel.rows);
  std::vector<size_t> depths = {0, 1, 15, 16, 17, 192, 255, 256, 257, 511, 513, 768, 1000, 3072};
  if (Slow(kernel) || Scale() == 1) depths = {0, 1, 17, 256, 257, 513, 1000};
  size_t round = 0;
  for (const size_t k : depths) {
    for (const Values values : kAllValues) {
      // At the greatest depth more tiles than share a leaf.
      const size_t tiles = k == 3072 ? 10 : 1 + round % 3, rows = tiles * kernel.rows;
      const size_t n = std::vector<size_t>{1, 15, 16, 17, 33, 16 * kernel.panels, 16 * kernel.panels + 5}[round++ % 7];
      const size_t panels = (n + 15) / 16;
      // Weights as [n][k], then packed against the end of memory.
      std::vector<float> w(n * k);
      std::vector<uint16_t> narrow(n * k);
      for (size_t i = 0; i < n * k; ++i) {
        w[i] = random.Value(values);
        if (type == "f32") continue;
        narrow[i] = Narrow(w[i], type == "bf16", random);
        // f16 special values are random bits; ordinary ones must be finite to test more than NaN.
        if (type == "f16" && values != Values::kSpecial) narrow[i] &= 0xBFFF;
        w[i] = type == "bf16" ? oracle::WidenBf16(narrow[i]) : oracle::WidenF16(narrow[i]);
      }
      Guarded<float> packed_wide(type == "f32" ? invar_packed_size(n, k) : 0);
      Guarded<uint16_t> packed_narrow(type == "f32" ? 0 : invar_packed_size(n, k));
      invar_matmul_args args = {};
      if (type == "f32") {
        invar_pack_panels(INVAR_F32, n, k, w.data(), static_cast<int64_t>(k), 1, 0, panels, packed_wide.data());
        args.rhs = packed_wide.data();
      } else {
        invar_pack_panels(type == "bf16" ? INVAR_BF16 : INVAR_F16, n, k, narrow.data(), static_cast<int64_t>(k), 1, 0,
                          panels, packed_narrow.data());
        args.rhs = packed_narrow.data();
      }
      std::vector<float> x(rows * k);
      random.Fill(x.data(), x.size(), values);
      Guarded<float> lhs(rows * k);
      for (size_t row = 0; row < rows; row += kernel.rows) {
        invar_pack_rows(kernel.rows, k, x.data() + row * k, static_cast<int64_t>(k), lhs.data() + row * k);
      }
      Guarded<float> bias(n);
      random.Fill(bias.data(), n, values);
      const size_t stride = n + random.Below(5);
      std::vector<float> residual(rows * stride);
      random.Fill(residual.data(), residual.size(), values);

      const size_t begin = panels > 1 ? random.Below(panels) : 0, end = begin + 1 + random.Below(panels - begin);
      const bool with_bias = round % 2 == 0, with_residual = round % 3 == 0;
      args.k = k;
      args.n = n;
      args.panel_begin = begin;
      args.panel_end = end;
      args.lhs = lhs.data();
      args.tiles = tiles == 1 ? round % 2 : tiles;
      args.all_tiles = 3 * (round % 2);
      args.bias = with_bias ? bias.data() : nullptr;
      args.activation = static_cast<invar_activation>(round % 7);
      args.residual = with_residual ? residual.data() : nullptr;
      args.residual_stride = static_cast<int64_t>(stride);
      Destination y(rows * stride, random.Below(17));
      std::vector<float> expected(rows * stride, kCanary);
      for (size_t r = 0; r < rows; ++r) {
        for (size_t j = begin * 16; j < std::min(end * 16, n); ++j) {
          float v = oracle::Contract(x.data() + r * k, w.data() + j * k, k);
          if (with_bias) v = v + bias[j];
          v = Activated(args.activation, v);
          if (with_residual) v = residual[r * stride + j] + v;
          expected[r * stride + j] = oracle::Stored(v);
        }
      }
      args.dst = y.data();
      args.dst_stride = static_cast<int64_t>(stride);
      Call(kernel.call.matmul, args);
      const std::string how = Describe("matmul", k, values) + ", n " + std::to_string(n) + ", tiles " +
                              std::to_string(args.tiles) + ", activation " + std::to_string(args.activation);
      ExpectSame(expected.data(), y.data(), rows * stride, how);
      y.Check(how);
    }
  }
}

// ---- map

// The same operation and type on the lowest instruction set.
const invar_kernel& Lowest(const invar_kernel& kernel) {
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  const invar_kernel* lowest = nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (std::string(all[i].operation) == kernel.operation && std::string(all[i].type) == kernel.type) lowest = &all[i];
  }
  return *lowest;
}

void TestMap(const invar_kernel& kernel) {
  Random random(5);
  const auto found = oracle::MapOracles().find(kernel.operation);
  for (int repeat = 0; repeat < 2 * Scale(); ++repeat) {
    for (const size_t n : Lengths()) {
      for (const Values values : kAllValues) {
        Guarded<float> x(n), z(kernel.operands == 2 ? n : 0);
        random.Fill(x.data(), n, values);
        random.Fill(z.data(), z.size(), values);
        std::vector<float> expected(n);
        if (found != oracle::MapOracles().end()) {
          for (size_t i = 0; i < n; ++i) {
            expected[i] = oracle::Stored(found->second(x[i], kernel.operands == 2 ? z[i] : 0.0f));
          }
        } else {
          const invar_map_args args = {n, x.data(), z.data(), expected.data()};
          Lowest(kernel).call.map(&args);
        }
        const std::string how = Describe(kernel.operation, n, values);
        Destination y(n, random.Below(17));
        invar_map_args args = {n, x.data(), z.data(), y.data()};
        Call(kernel.call.map, args);
        ExpectSame(expected.data(), y.data(), n, how);
        y.Check(how);
        args.y = x.data();  // in place
        Call(kernel.call.map, args);
        ExpectSame(expected.data(), x.data(), n, how + ", in place");
      }
    }
  }
}

// ---- rows

void TestRows(const invar_kernel& kernel) {
  Random random(6);
  const auto found = oracle::RowsOracles().find(kernel.operation);
  const bool one_value = std::string(kernel.operation) == "log_sum_exp";
  for (const size_t n : Lengths()) {
    if (n == 0) continue;
    for (const Values values : kAllValues) {
      const size_t rows = 1 + random.Below(3), stride = n + random.Below(9), y_stride = n + random.Below(9);
      Guarded<float> x((rows - 1) * stride + n), gain(n), bias(n);
      random.Fill(x.data(), x.size(), values);
      random.Fill(gain.data(), n, values == Values::kSpecial ? values : Values::kNormal);
      random.Fill(bias.data(), n, values);
      invar_rows_args args = {rows, n, x.data(), static_cast<int64_t>(stride), gain.data(),
                              random.Below(3) == 0 ? nullptr : bias.data(), 1e-5f, nullptr,
                              static_cast<int64_t>(y_stride)};
      const size_t width = one_value ? 1 : n;
      std::vector<float> expected((rows - 1) * y_stride + width, kCanary);
      for (size_t r = 0; r < rows; ++r) {
        if (found != oracle::RowsOracles().end()) {
          const oracle::Row row = found->second(x.data() + r * stride, n, args.gain, args.bias, args.epsilon);
          std::copy(row.begin(), row.end(), expected.begin() + static_cast<ptrdiff_t>(r * y_stride));
        }
      }
      if (found == oracle::RowsOracles().end()) {
        args.y = expected.data();
        Lowest(kernel).call.rows_(&args);
      }
      const std::string how = Describe(kernel.operation, n, values);
      Destination y(expected.size(), random.Below(17));
      args.y = y.data();
      Call(kernel.call.rows_, args);
      ExpectSame(expected.data(), y.data(), expected.size(), how);
      y.Check(how);
      if (!one_value) {  // in place
        args.y = x.data();
        args.y_stride = args.x_stride;
        Call(kernel.call.rows_, args);
        for (size_t r = 0; r < rows; ++r) {
          ExpectSame(expected.data() + r * y_stride, x.data() + r * stride, n, how + ", in place");
        }
      }
    }
  }
}

// ---- reduce

void TestReduce(const invar_kernel& kernel) {
  Random random(7);
  const std::string operation = kernel.operation;
  for (int repeat = 0; repeat < 8 * Scale(); ++repeat) {
    for (const size_t n : Lengths()) {
      for (const Values values : kAllValues) {
        Guarded<float> x(n), z(kernel.operands == 2 ? n : 0);
        random.Fill(x.data(), n, values);
        random.Fill(z.data(), z.size(), values);
        float value = kCanary;
        int64_t index = -2;
        const invar_reduce_args args = {n, x.data(), z.data(), &value, &index};
        Call(kernel.call.reduce, args);
        const std::string how = Describe(kernel.operation, n, values);
        if (operation == "argmax") {
          ++compared_values;
          ASSERT_EQ(index, oracle::Argmax(x.data(), n)) << how;
          continue;
        }
        float expected = kCanary;
        if (operation == "sum") {
          expected = oracle::Sum(x.data(), n);
        } else if (operation == "dot") {
          expected = oracle::Dot(x.data(), z.data(), n);
        } else {
          const invar_reduce_args lowest = {n, x.data(), z.data(), &expected, &index};
          Lowest(kernel).call.reduce(&lowest);
        }
        ExpectSame(&expected, &value, 1, how);
      }
    }
  }
}

// ---- rope, embedding

void TestRope(const invar_kernel& kernel) {
  Random random(8);
  for (const size_t dimension : {2, 4, 6, 16, 30, 32, 34, 64, 80, 96, 128, 256}) {
    for (const Values values : kAllValues) {
      for (const int interleaved : {0, 1}) {
        const size_t rows = 1 + random.Below(3), heads = 1 + random.Below(4), head = dimension + random.Below(4);
        const size_t stride = heads * head + random.Below(7);
        Guarded<float> x(rows * stride), cosine(rows * dimension / 2), sine(rows * dimension / 2);
        random.Fill(x.data(), x.size(), values);
        random.Fill(cosine.data(), cosine.size(), values == Values::kSpecial ? values : Values::kNormal);
        random.Fill(sine.data(), sine.size(), Values::kNormal);
        std::vector<float> expected(x.data(), x.data() + x.size());
        for (size_t r = 0; r < rows; ++r) {
          for (size_t h = 0; h < heads; ++h) {
            oracle::Rope(expected.data() + r * stride + h * head, dimension, cosine.data() + r * dimension / 2,
                         sine.data() + r * dimension / 2, interleaved != 0);
          }
        }
        const invar_rope_args args = {rows, heads, dimension, x.data(), static_cast<int64_t>(stride),
                                      static_cast<int64_t>(head), cosine.data(), sine.data(), interleaved};
        Call(kernel.call.rope, args);
        ExpectSame(expected.data(), x.data(), x.size(), Describe("rope", dimension, values));
      }
    }
  }
}

void TestEmbedding(const invar_kernel& kernel) {
  Random random(9);
  const std::string type = kernel.type;
  const size_t size = type == "f32" ? 4 : 2;
  for (const size_t n : Lengths()) {
    for (const Values values : kAllValues) {
      const size_t step = random.Below(2) == 0 ? 1 : 16;
      Guarded<char> row(n == 0 ? 0 : ((n - 1) * step + 1) * size);
      Guarded<float> position(n);
      random.Fill(position.data(), n, values);
      const bool add = random.Below(2) == 0;
      std::vector<float> expected(n);
      for (size_t i = 0; i < n; ++i) {
        const float v = random.Value(values);
        float wide = v;
        if (type == "f32") {
          std::memcpy(row.data() + i * step * size, &v, 4);
        } else {
          const uint16_t h = Narrow(v, type == "bf16", random);
          std::memcpy(row.data() + i * step * size, &h, 2);
          wide = type == "bf16" ? oracle::WidenBf16(h) : oracle::WidenF16(h);
        }
        expected[i] = oracle::Stored(add ? wide + position[i] : wide);
      }
      Destination y(n, random.Below(17));
      const invar_embedding_args args = {n, row.data(), static_cast<int64_t>(step), add ? position.data() : nullptr,
                                         y.data()};
      Call(kernel.call.embedding, args);
      ExpectSame(expected.data(), y.data(), n, Describe("embedding", n, values));
      y.Check(Describe("embedding", n, values));
    }
  }
}

// ---- attention

void TestAttentionLeaf(const invar_kernel& kernel) {
  Random random(10);
  const std::vector<size_t> widths = Slow(kernel) || Scale() == 1 ? std::vector<size_t>{1, 8, 17, 64, 300}
                                                                  : std::vector<size_t>{1, 2, 8, 16, 17, 64, 80, 128, 256, 300, 513};
  for (const size_t d : widths) {
    for (const size_t rows : {1, 2, 3, 5, 7, 12, 13, 20}) {
      const Values values = kAllValues[random.Below(std::size(kAllValues))];
      const size_t d_panels = (d + 15) / 16, q_stride = d + random.Below(5);
      std::vector<float> keys(256 * d), values_rows(256 * d);
      random.Fill(keys.data(), keys.size(), values);
      random.Fill(values_rows.data(), values_rows.size(), values);
      Guarded<float> q((rows - 1) * q_stride + d), packed_keys(256 * d), packed_values(d_panels * 256 * 16);
      random.Fill(q.data(), q.size(), values);
      for (size_t j = 0; j < 256; ++j) {
        for (size_t i = 0; i < d; ++i) {
          packed_keys[(j / 16 * d + i) * 16 + j % 16] = keys[j * d + i];
          packed_values[(i / 16 * 256 + j) * 16 + i % 16] = values_rows[j * d + i];
        }
      }
      // Causal rows, windows, full rows, rows that see nothing.
      std::vector<uint32_t> begin(rows), end(rows);
      const size_t kind = random.Below(4);
      const uint32_t base = static_cast<uint32_t>(random.Below(256 - 20));
      for (size_t r = 0; r < rows; ++r) {
        begin[r] = kind == 1 ? base / 2 + static_cast<uint32_t>(r) : 0;
        end[r] = kind == 0 ? 256 : base + static_cast<uint32_t>(r) + 1;
        if (kind == 3 && random.Below(3) == 0) begin[r] = end[r] = static_cast<uint32_t>(random.Below(256));
      }
      const bool biased = random.Below(3) == 0;
      std::vector<float> bias(rows * 256);
      for (float& b : bias) b = random.Below(5) == 0 ? -std::numeric_limits<float>::infinity() : random.Uniform(-2, 2);
      if (biased && kind == 0) std::fill(bias.begin(), bias.begin() + 256, -std::numeric_limits<float>::infinity());

      Destination m(rows, 3), l(rows, 5), o(rows * q_stride, 7);
      std::vector<float> workspace(invar_attention_workspace(rows, d));
      const float scale = 0.125f;
      const invar_attention_leaf_args args = {
          rows, d, scale, q.data(), static_cast<int64_t>(q_stride), packed_keys.data(), packed_values.data(),
          biased ? bias.data() : nullptr, 256, begin.data(), end.data(), m.data(), l.data(), o.data(),
          static_cast<int64_t>(q_stride), workspace.data(), random.Below(2) == 0 ? packed_keys.data() : nullptr};
      Call(kernel.call.attention_leaf, args);
      const std::string how = Describe("attention leaf", d, values) + ", rows " + std::to_string(rows);
      for (size_t r = 0; r < rows; ++r) {
        oracle::AttentionInput in;
        in.d = d;
        in.scale = scale;
        in.q = q.data() + r * q_stride;
        in.key = [&](size_t j) { return keys.data() + j * d; };
        in.value = [&](size_t j) { return values_rows.data() + j * d; };
        in.bias = biased ? bias.data() + r * 256 : nullptr;
        const oracle::Node node = oracle::AttentionLeaf(in, 0, begin[r], end[r]);
        if (!node.any) {
          ASSERT_EQ(m.data()[r], kCanary) << how;
          continue;
        }
        ExpectSame(&node.m, m.data() + r, 1, how + ", m");
        ExpectSame(&node.l, l.data() + r, 1, how + ", l");
        ExpectSame(node.o.data(), o.data() + r * q_stride, d, how + ", o");
      }
      m.Check(how);
      l.Check(how);
      o.Check(how);
    }
  }
}

void TestAttentionMerge(const invar_kernel& kernel) {
  Random random(12);
  for (int repeat = 0; repeat < 40 * Scale(); ++repeat) {
    for (const size_t d : {1, 8, 15, 16, 17, 64, 100, 128}) {
      const Values values = kAllValues[random.Below(std::size(kAllValues))];
      const size_t rows = 1 + random.Below(4);
      std::vector<oracle::Node> nodes(2 * rows);
      for (oracle::Node& node : nodes) {
        node = {true, random.Value(values), random.Value(values), oracle::Row(d)};
        random.Fill(node.o.data(), d, values);
        if (random.Below(4) == 0) node.m = 1.0f;  // equal maxima
        if (random.Below(8) == 0) node.m = -std::numeric_limits<float>::infinity();
      }
      std::vector<uint8_t> flags(rows);
      std::vector<float> m[2], l[2], o[2];
      for (size_t side = 0; side < 2; ++side) {
        for (size_t r = 0; r < rows; ++r) {
          const oracle::Node& node = nodes[2 * r + side];
          m[side].push_back(node.m);
          l[side].push_back(node.l);
          o[side].insert(o[side].end(), node.o.begin(), node.o.end());
          flags[r] = random.Below(4) != 0;
        }
      }
      const std::vector<float> m_before = m[0], o_before = o[0];
      const invar_attention_merge_args args = {rows, d, flags.data(), m[0].data(), l[0].data(), o[0].data(), m[1].data(),
                                               l[1].data(), o[1].data(), static_cast<int64_t>(d)};
      Call(kernel.call.attention_merge, args);
      for (size_t r = 0; r < rows; ++r) {
        const std::string how = Describe("attention merge", d, values);
        if (flags[r] == 0) {
          ExpectSame(&m_before[r], &m[0][r], 1, how + ", row left alone");
          ExpectSame(&o_before[r * d], &o[0][r * d], d, how + ", row left alone");
          continue;
        }
        const oracle::Node node = oracle::AttentionJoin(nodes[2 * r], nodes[2 * r + 1]);
        ExpectSame(&node.m, &m[0][r], 1, how + ", m");
        ExpectSame(&node.l, &l[0][r], 1, how + ", l");
        ExpectSame(node.o.data(), &o[0][r * d], d, how + ", o");
      }
    }
  }
}

void TestAttentionFinish(const invar_kernel& kernel) {
  Random random(13);
  for (const size_t d : Lengths()) {
    for (const Values values : kAllValues) {
      Guarded<float> o(2 * d), l(2);
      random.Fill(o.data(), 2 * d, values);
      random.Fill(l.data(), 2, values);
      std::vector<float> expected(2 * d);
      for (size_t i = 0; i < 2 * d; ++i) expected[i] = oracle::Stored(o[i] / l[i / std::max<size_t>(d, 1)]);
      Destination y(2 * d, 3);
      const invar_attention_finish_args args = {2, d, l.data(), o.data(), static_cast<int64_t>(d), y.data(),
                                                static_cast<int64_t>(d)};
      Call(kernel.call.attention_finish, args);
      ExpectSame(expected.data(), y.data(), 2 * d, Describe("attention finish", d, values));
      y.Check("attention finish");
    }
  }
}

void TestKernel(const invar_kernel& kernel) {
  const size_t before = compared_values, modes_before = calls_under_modes;
  switch (kernel.family) {
    case INVAR_FAMILY_MATMUL: TestMatmul(kernel); break;
    case INVAR_FAMILY_MAP: TestMap(kernel); break;
    case INVAR_FAMILY_ROWS: TestRows(kernel); break;
    case INVAR_FAMILY_REDUCE: TestReduce(kernel); break;
    case INVAR_FAMILY_ROPE: TestRope(kernel); break;
    case INVAR_FAMILY_EMBEDDING: TestEmbedding(kernel); break;
    case INVAR_FAMILY_ATTENTION_LEAF: TestAttentionLeaf(kernel); break;
    case INVAR_FAMILY_ATTENTION_MERGE: TestAttentionMerge(kernel); break;
    case INVAR_FAMILY_ATTENTION_FINISH: TestAttentionFinish(kernel); break;
  }
  ASSERT_GT(compared_values, before) << "nothing was compared";
  std::printf("[ COMPARED ] %zu values with the oracle, %zu calls under other floating-point modes\n",
              compared_values - before, calls_under_modes - modes_before);
}

class KernelTest : public ::testing::Test {
 public:
  explicit KernelTest(const invar_kernel& kernel) : kernel_(kernel) {}
  void TestBody() override { TestKernel(kernel_); }

 private:
  invar_kernel kernel_;
};

std::string NameOf(const invar_kernel& k) {
  return std::string(k.operation) + "/" + k.type + "/" + k.tile + "/" + k.isa;
}

// Stands for all kernels of an instruction set that this processor does not run.
class NotRunTest : public ::testing::Test {
 public:
  NotRunTest(std::string isa, size_t kernels) : isa_(std::move(isa)), kernels_(kernels) {}
  void TestBody() override { GTEST_SKIP() << "this processor does not run " << isa_ << ": " << kernels_ << " kernels untried"; }

 private:
  std::string isa_;
  size_t kernels_;
};

// One test for each kernel that can run here, and a skipped one for each instruction set that cannot.
const bool kRegistered = [] {
  std::map<std::string, size_t> not_run;
  for (const invar_kernel& kernel : Kernels()) {
    if (invar_isa_supported(kernel.isa) == 0) ++not_run[kernel.isa];
  }
  for (const auto& [isa, kernels] : not_run) {
    ::testing::RegisterTest("NotRunHere", isa.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [isa = isa, kernels = kernels]() -> ::testing::Test* { return new NotRunTest(isa, kernels); });
  }
  for (const invar_kernel& kernel : Kernels()) {
    if (not_run.count(kernel.isa) != 0) continue;
    ::testing::RegisterTest("Kernel", NameOf(kernel).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [kernel]() -> ::testing::Test* { return new KernelTest(kernel); });
  }
  return true;
}();

TEST(Registry, EveryOperationHasAnOracle) {
  const std::set<std::string> others = {"matmul", "sum", "dot", "argmax", "rope", "embedding", "attention_leaf",
                                        "attention_merge", "attention_finish"};
  for (const invar_kernel& kernel : Kernels()) {
    EXPECT_TRUE(oracle::MapOracles().count(kernel.operation) + oracle::RowsOracles().count(kernel.operation) +
                others.count(kernel.operation))
        << kernel.operation << " is compared with its own lowest instruction set only; write it into tests/oracle";
  }
}

// Fails where fewer instruction sets ran than were expected: those of INVAR_EXPECT_ISAS, or the compiled baseline.
TEST(Registry, ExpectedInstructionSetsRan) {
  std::set<std::string> supported;
  for (const char* const* isa = invar_isas(); *isa != nullptr; ++isa) {
    if (invar_isa_supported(*isa) != 0) supported.insert(*isa);
  }
  ASSERT_FALSE(supported.empty());
  std::string expected = std::getenv("INVAR_EXPECT_ISAS") == nullptr ? "" : std::getenv("INVAR_EXPECT_ISAS");
#if defined(__x86_64__)
  if (expected.empty()) expected = "SSE4,SSSE3";
#endif
  for (size_t at = 0; at < expected.size();) {
    const size_t comma = std::min(expected.find(',', at), expected.size());
    EXPECT_EQ(supported.count(expected.substr(at, comma - at)), 1u) << expected.substr(at, comma - at) << " did not run";
    at = comma + 1;
  }
}

TEST(Registry, EveryInstructionSetHasTheSameKernels) {
  std::map<std::string, std::set<std::string>> first_halves;
  for (const invar_kernel& k : Kernels()) first_halves[k.isa].insert(std::string(k.operation) + "/" + k.type);
  for (const auto& [isa, halves] : first_halves) EXPECT_EQ(halves, first_halves.begin()->second) << isa;
}

}  // namespace
}  // namespace invar::testing
