// matmul: every tile of every instruction set over the same rows and outputs, cut in other ways each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "tests/adversarial/case.h"
#include "tests/adversarial/halfway.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/by_name.h"
#include "tests/oracle/operations.h"

namespace invar::adversarial {
namespace {

// Terms of chains that the oracle, and each kernel, computes in one case at most: about a tenth of a millisecond each.
constexpr size_t kOracleTerms = 30'000, kTerms = 150'000;

constexpr const char* kActivations[] = {"", "gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu", "tanh"};

// Towards zero: any sixteen bits that lie near x. NaNs, infinities and zeros keep their kind.
uint16_t Narrow(float x, bool bf16) {
  const uint32_t bits = oracle::Bits(x);
  if (bf16) return static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits >> 16 | 1 : bits >> 16);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7C00u | std::max<uint32_t>(1, magnitude >> 13 & 0x3FFu));
  if (magnitude == 0x7F800000u) return static_cast<uint16_t>(sign | 0x7C00u);
  const int exponent = static_cast<int>(magnitude >> 23) - 112;
  // Beyond its range: whatever the fraction's bits say, in the last binade or among the subnormals.
  if (exponent >= 31) return static_cast<uint16_t>(sign | 0x7800u | (magnitude >> 13 & 0x3FFu));
  if (exponent <= 0) return static_cast<uint16_t>(sign | (magnitude == 0 ? 0 : magnitude >> 13 & 0x3FFu));
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(exponent) << 10 | (magnitude >> 13 & 0x3FFu));
}

// No tile is of more rows (codegen/generate.py).
constexpr size_t kHighest = 32;

struct Shape {
  size_t m, k, n;
};

Shape DrawShape(Random& r) {
  static constexpr size_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 81, 96, 97, 112, 127, 128, 129};
  Shape s;
  s.k = DrawLength(r, r.Below(6) == 0 ? 4097 : 1025);
  s.n = widths[r.Below(std::size(widths))];
  s.m = 1 + r.Below(r.Below(4) == 0 ? 2 * kHighest + 2 : 15);
  if (r.Below(24) == 0) s.k = r.Below(2) == 0 ? 32'769 : 32'800;  // the last of its 256 leaves are empty
  while (s.m * s.k * s.n > kTerms && s.n > 1) s.n = (s.n + 1) / 2;
  while (s.m * s.k * s.n > kTerms && s.m > 1) s.m = (s.m + 1) / 2;
  return s;
}

size_t LeafLength(size_t k) {
  size_t leaves = 1;
  while ((k + leaves - 1) / leaves > INVAR_LEAF) leaves *= 2;
  return std::max<size_t>(1, (k + leaves - 1) / leaves);
}

class MatmulCase {
 public:
  explicit MatmulCase(Case& c) : c_(c), shape_(DrawShape(c.random)), type_(c.operation.type()) {
    Random& r = c.random;
    const auto [m, k, n] = shape_;
    // Beyond the last row lie others, of which no result may know.
    x_.resize((m + kHighest) * k);
    w_.resize(n * k);
    const Pair pair = k > 32'768 && r.Below(2) == 0 ? Pair::kTinyProducts : static_cast<Pair>(r.Below(kPairs));
    const Products products = {k, n, x_.data(), w_.data(), k, LeafLength(k), type_ == "f32" ? 24 : type_ == "bf16" ? 8 : 11, r.Below(4) == 0};
    pair == Pair::kHalfway ? FillHalfway(r, products) : Fill(r, pair, products);
    for (size_t row = 1; row < m + kHighest; ++row) {
      float* at = x_.data() + row * k;
      if (row >= m || r.Below(4) == 0) {
        Fill(r, row >= m ? Kind::kAnyBits : DrawKind(r), at, k);
      } else {  // the first row, or its negative: the same cases again
        const float sign = r.Below(2) == 0 ? 1.0f : -1.0f;
        for (size_t i = 0; i < k; ++i) at[i] = sign * x_[i];
      }
    }
    if (type_ != "f32") {
      narrow_.resize(n * k);
      const bool any = pair == Pair::kApart && r.Below(3) == 0;
      for (size_t i = 0; i < n * k; ++i) {
        narrow_[i] = any ? static_cast<uint16_t>(r.Bits()) : Narrow(w_[i], type_ == "bf16");
        w_[i] = type_ == "bf16" ? oracle::WidenBf16(narrow_[i]) : oracle::WidenF16(narrow_[i]);
      }
    }
    if (r.Below(2) == 0) {
      bias_.resize(n);
      Fill(r, DrawKind(r), bias_.data(), n);
    }
    if (r.Below(2) == 0) {
      residual_.resize(m * n);
      Fill(r, DrawKind(r), residual_.data(), m * n);
    }
    if (r.Below(2) == 0) activation_ = static_cast<invar_activation>(r.Below(std::size(kActivations)));
    c.description = std::to_string(m) + " rows, k " + std::to_string(k) + ", n " + std::to_string(n) + ", products '" + Name(pair) +
                    "'" + (bias_.empty() ? "" : ", bias") + (residual_.empty() ? "" : ", residual") +
                    (activation_ == 0 ? "" : std::string(", ") + kActivations[activation_]);
    Expect();
  }

  void Run() {
    for (const invar_kernel* kernel : c_.operation.kernels) {
      Random layout = c_.Layout(*kernel);
      if (!RunKernel(*kernel, layout)) return;
    }
  }

 private:
  void Expect() {
    Random& r = c_.random;
    const auto [m, k, n] = shape_;
    std::vector<float> expected(m * n);
    std::vector<uint8_t> known(m * n, 1);
    const size_t affordable = std::max<size_t>(1, kOracleTerms / std::max<size_t>(1, k));
    const bool all = affordable >= m * n;
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < n; ++j) {
        const size_t at = row * n + j;
        if (!oracle::kHasFunctions && activation_ != INVAR_ACTIVATION_NONE) {
          known[at] = 0;
          continue;
        }
        if (!all && r.Below(m * n) >= affordable && at != 0) {
          known[at] = 0;
          continue;
        }
        float v = oracle::Contract(x_.data() + row * k, w_.data() + j * k, k);
        if (!bias_.empty()) v = v + bias_[j];
        if (activation_ != INVAR_ACTIVATION_NONE) v = oracle::MapOracles().at(kActivations[activation_])(v, 0.0f);
        if (!residual_.empty()) v = residual_[at] + v;
        expected[at] = oracle::Stored(v);
      }
    }
    c_.Expect(std::move(expected), std::move(known));
  }

  const void* Pack(Random& layout) {
    const size_t k = shape_.k, n = shape_.n;  // names of their own: not every compiler captures bindings
    const size_t panels = (n + INVAR_PANEL - 1) / INVAR_PANEL, size = invar_packed_size(n, k);
    const bool poison = layout.Below(2) == 0;  // outputs beyond n are nobody's
    const auto pack = [&](auto* packed, auto nan, invar_type type, const void* w) -> const void* {
      invar_pack_panels(type, n, k, w, static_cast<int64_t>(k), 1, 0, panels, packed);
      for (size_t i = 0; poison && n % INVAR_PANEL != 0 && i < k; ++i) {
        auto* row = packed + ((panels - 1) * k + i) * INVAR_PANEL;
        std::fill(row + n % INVAR_PANEL, row + INVAR_PANEL, nan);
      }
      return packed;
    };
    if (type_ == "f32") return pack(c_.memory.w.Place<float>(size, layout), oracle::FromBits(0x7F800001u), INVAR_F32, w_.data());
    return pack(c_.memory.w.Place<uint16_t>(size, layout), uint16_t{0x7FFF}, type_ == "bf16" ? INVAR_BF16 : INVAR_F16,
                narrow_.data());
  }

  bool RunKernel(const invar_kernel& kernel, Random& layout) {
    Memory& memory = c_.memory;
    const auto [m, k, n] = shape_;
    const size_t panels = (n + INVAR_PANEL - 1) / INVAR_PANEL;
    invar_matmul_args args = {};
    args.tiles = layout.Below(4);
    args.first_tile = layout.Below(2);
    args.all_tiles = layout.Below(40);
    const size_t rows = kernel.rows * std::max<size_t>(1, args.tiles);
    args.k = k;
    args.n = n;
    args.rhs = Pack(layout);
    args.activation = activation_;
    if (!bias_.empty()) {
      float* bias = memory.bias.Place<float>(n, layout);
      std::memcpy(bias, bias_.data(), n * sizeof(float));
      args.bias = bias;
    }
    std::vector<float> found(m * n), ignored(n);
    const bool in_place = !residual_.empty() && layout.Below(2) == 0;
    for (size_t begin = 0; begin < m; begin += rows) {
      // The last rows again where a tile does not fit; rows that are nobody's where it is higher than the matrix.
      const size_t first = begin + rows <= m ? begin : m > rows ? m - rows : 0;
      float* lhs = memory.x.Place<float>(rows * k, layout);
      for (size_t row = 0; row < rows; row += kernel.rows) {
        const size_t from = std::min(first + row, m + kHighest - kernel.rows);  // beyond the matrix: any rows
        invar_pack_rows(kernel.rows, k, x_.data() + from * k, static_cast<int64_t>(k), lhs + row * k);
      }
      args.lhs = lhs;
      const size_t dst_stride = n + layout.Below(2) * layout.Below(20);
      float* dst = memory.y.Place<float>((rows - 1) * dst_stride + n, layout);
      args.dst = dst;
      args.dst_stride = static_cast<int64_t>(dst_stride);
      if (!residual_.empty()) {
        const size_t stride = in_place ? dst_stride : n + layout.Below(20);
        float* residual = in_place ? dst : memory.residual.Place<float>((rows - 1) * stride + n, layout);
        for (size_t i = 0; i < rows && first + i < m; ++i) {
          std::memcpy(residual + i * stride, residual_.data() + (first + i) * n, n * sizeof(float));
        }
        args.residual = residual;
        args.residual_stride = static_cast<int64_t>(stride);
      }
      size_t all_leaves = 1;
      while (all_leaves * LeafLength(k) < k) all_leaves *= 2;
      size_t leaves = all_leaves;  // of one call
      while (leaves > 1 && layout.Below(2) == 0) leaves /= 2;
      std::vector<float> unfinished(leaves == all_leaves ? 0 : invar_matmul_nodes(k, leaves, rows, panels));
      float* nodes = unfinished.empty() ? nullptr : memory.other.Place<float>(unfinished.size(), layout);
      for (size_t panel = 0; panel < panels;) {  // cut anywhere, not at tiles
        args.panel_begin = panel;
        panel += 1 + layout.Below(layout.Below(2) == 0 ? panels - panel : panels);
        args.panel_end = panel = std::min(panel, panels);
        args.nodes = nodes;
        for (size_t leaf = 0; leaf < all_leaves; leaf += leaves) {
          args.leaf_begin = leaf;
          args.leaf_end = nodes == nullptr && layout.Below(2) == 0 ? 0 : leaf + leaves;
          if (!c_.Call(kernel, kernel.call.matmul, args, layout)) return false;
        }
      }
      if (nodes != nullptr) {
        memory.other.Take(nodes, unfinished.size(), unfinished.data());
        if (!c_.CheckGuards(kernel, "leaves shared among calls", {&memory.other})) return false;
      }
      for (size_t i = 0; i < rows; ++i) {
        memory.y.Take(dst + i * dst_stride, n, first + i < m ? found.data() + (first + i) * n : ignored.data());
      }
      if (!c_.CheckGuards(kernel, in_place ? "residual in place" : "", {&memory.y})) return false;
    }
    return c_.Compare(kernel, in_place ? "residual in place" : "", found);
  }

  Case& c_;
  Shape shape_;
  std::string type_;
  std::vector<float> x_, w_, bias_, residual_;
  std::vector<uint16_t> narrow_;
  invar_activation activation_ = INVAR_ACTIVATION_NONE;
};

}  // namespace

void RunMatmul(Case& c) { MatmulCase(c).Run(); }

}  // namespace invar::adversarial
