// attention_leaf, attention_merge, attention_finish.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "tests/adversarial/case.h"
#include "tests/adversarial/halfway.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/operations.h"

namespace invar::adversarial {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kLeaf = INVAR_LEAF, kPanel = INVAR_PANEL;

// Products that the oracle computes in one case at most.
constexpr size_t kOracleTerms = 60'000;

class LeafCase {
 public:
  explicit LeafCase(Case& c) : c_(c) {
    Random& r = c.random;
    static constexpr size_t widths[] = {1, 2, 4, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 80, 96, 128, 256, 257, 300, 513};
    d_ = widths[r.Below(r.Below(3) == 0 ? std::size(widths) : 10)];
    rows_ = 1 + r.Below(d_ > 100 ? 6 : 20);
    DrawSeen();
    q_.resize(rows_ * d_);
    keys_.resize(kLeaf * d_);
    values_.resize(kLeaf * d_);
    std::string scores;
    if (r.Below(2) == 0) {
      // One element decides the score: it is what was drawn, or its negative.
      const Kind kind = DrawKind(r);
      scores = std::string("'") + Name(kind) + "'";
      std::vector<float> score(kLeaf);
      Fill(r, kind, score.data(), kLeaf);
      Fill(r, Kind::kNormal, keys_.data(), keys_.size());
      for (size_t j = 0; j < kLeaf; ++j) keys_[j * d_] = score[j];
      for (size_t row = 0; row < rows_; ++row) q_[row * d_] = r.Below(4) == 0 ? -1.0f : 1.0f;
      if (r.Below(8) == 0) {
        // Scores that underflow to zeros of either sign, some lower ones among them: which zero is the greatest?
        scores = "zeros of both signs";
        for (size_t j = 0; j < kLeaf; ++j) keys_[j * d_] = r.Below(3) == 0 ? -2.0f : r.Below(2) == 0 ? 0x1p-149f : -0x1p-149f;
        for (size_t row = 0; row < rows_; ++row) q_[row * d_] = 0.5f;
      }
      scale_ = 1.0f;
    } else {
      const Pair pair = static_cast<Pair>(r.Below(kPairs));
      scores = std::string("products '") + Name(pair) + "'";
      const Products products = {d_, kLeaf, q_.data(), keys_.data(), d_, std::max<size_t>(1, d_), 24, r.Below(4) == 0};
      pair == Pair::kHalfway ? FillHalfway(r, products) : Fill(r, pair, products);
      for (size_t row = 1; row < rows_; ++row) {
        if (r.Below(2) == 0) {
          Fill(r, Kind::kNormal, q_.data() + row * d_, d_);
        } else {
          for (size_t i = 0; i < d_; ++i) q_[row * d_ + i] = -q_[i];
        }
      }
      static constexpr float scales[] = {0.125f, 0.35355338f, 1.0f, 0x1p-126f, 1e30f};
      scale_ = scales[r.Below(std::size(scales))];
    }
    const Kind kind = DrawKind(r);
    // Element by element: what is drawn for a row belongs to the positions of one chain.
    std::vector<float> chain(kLeaf);
    for (size_t i = 0; i < d_; ++i) {
      Fill(r, kind, chain.data(), kLeaf);
      for (size_t j = 0; j < kLeaf; ++j) values_[j * d_ + i] = chain[j];
    }
    if (r.Below(3) == 0) DrawBias();
    c.description = std::to_string(rows_) + " rows, d " + std::to_string(d_) + ", scores " + scores + ", values '" + Name(kind) + "'" +
                    (bias_.empty() ? "" : ", bias");
    Expect();
  }

  void Run() {
    for (const invar_kernel* kernel : c_.operation.kernels) {
      Random layout = c_.Layout(*kernel);
      if (!RunKernel(*kernel, layout)) return;
    }
  }

 private:
  // Causal rows, a window's rows, whole leaves, or any range; some rows see nothing.
  void DrawSeen() {
    Random& r = c_.random;
    begin_.resize(rows_);
    end_.resize(rows_);
    const size_t way = r.Below(4);
    const size_t base = r.Below(kLeaf - rows_), window = 1 + r.Below(64);
    for (size_t row = 0; row < rows_; ++row) {
      const size_t end = way == 0 ? kLeaf : way == 3 ? 1 + r.Below(kLeaf) : base + row + 1;
      const size_t begin = way == 2 ? end - std::min(end, window) : way == 3 ? r.Below(end) : 0;
      begin_[row] = static_cast<uint32_t>(begin);
      end_[row] = static_cast<uint32_t>(r.Below(12) == 0 ? begin : end);
    }
  }

  void DrawBias() {
    Random& r = c_.random;
    bias_.resize(rows_ * kLeaf);
    const Kind kind = r.Below(2) == 0 ? Kind::kOneSpecial : DrawKind(r);
    for (size_t row = 0; row < rows_; ++row) {
      float* at = bias_.data() + row * kLeaf;
      Fill(r, kind, at, kLeaf);
      if (r.Below(4) == 0) std::fill(at, at + kLeaf, -kInfinity);
      for (size_t j = 0; j < kLeaf; ++j) {
        if (j < begin_[row] || j >= end_[row]) at[j] = oracle::FromBits(kGuard);  // of positions that it does not see
      }
    }
  }

  void Expect() {
    std::vector<float> expected(rows_ * (d_ + 2));
    std::vector<uint8_t> known(expected.size(), 0);
    size_t terms = 0;
    for (size_t row = 0; row < rows_; ++row) {
      float* at = expected.data() + row * (d_ + 2);
      if (begin_[row] >= end_[row]) {  // not written
        std::fill(at, at + d_ + 2, oracle::FromBits(kGuard));
        std::fill_n(known.begin() + static_cast<ptrdiff_t>(row * (d_ + 2)), d_ + 2, uint8_t{1});
        continue;
      }
      if (terms > kOracleTerms || !oracle::kHasFunctions) continue;
      terms += 2 * d_ * (end_[row] - begin_[row]);
      oracle::AttentionInput in;
      in.d = d_;
      in.scale = scale_;
      in.q = q_.data() + row * d_;
      in.key = [this](size_t j) { return keys_.data() + j * d_; };
      in.value = [this](size_t j) { return values_.data() + j * d_; };
      in.bias = bias_.empty() ? nullptr : bias_.data() + row * kLeaf;
      const oracle::Node node = oracle::AttentionLeaf(in, 0, begin_[row], end_[row]);
      at[0] = node.m;
      at[1] = node.l;
      std::copy(node.o.begin(), node.o.end(), at + 2);
      std::fill_n(known.begin() + static_cast<ptrdiff_t>(row * (d_ + 2)), d_ + 2, uint8_t{1});
    }
    c_.Expect(std::move(expected), std::move(known));
  }

  bool RunKernel(const invar_kernel& kernel, Random& layout) {
    Memory& memory = c_.memory;
    const size_t q_stride = d_ + layout.Below(20), o_stride = d_ + layout.Below(20), bias_stride = kLeaf + layout.Below(20);
    float* q = memory.x.Place<float>((rows_ - 1) * q_stride + d_, layout);
    for (size_t row = 0; row < rows_; ++row) std::memcpy(q + row * q_stride, q_.data() + row * d_, d_ * sizeof(float));
    // What no row sees stays a NaN, and so does what fills up the last panel of values.
    size_t seen_begin = kLeaf, seen_end = 0;
    for (size_t row = 0; row < rows_; ++row) {
      if (begin_[row] >= end_[row]) continue;
      seen_begin = std::min<size_t>(seen_begin, begin_[row]);
      seen_end = std::max<size_t>(seen_end, end_[row]);
    }
    const size_t panels = (d_ + kPanel - 1) / kPanel;
    float* keys = memory.keys.Place<float>(kLeaf * d_, layout);
    float* values = memory.values.Place<float>(panels * kLeaf * kPanel, layout);
    for (size_t j = seen_begin; j < seen_end; ++j) {
      for (size_t i = 0; i < d_; ++i) {
        keys[(j / kPanel * d_ + i) * kPanel + j % kPanel] = keys_[j * d_ + i];
        values[(i / kPanel * kLeaf + j) * kPanel + i % kPanel] = values_[j * d_ + i];
      }
    }
    float* bias = nullptr;
    if (!bias_.empty()) {
      bias = memory.bias.Place<float>((rows_ - 1) * bias_stride + kLeaf, layout);
      for (size_t row = 0; row < rows_; ++row) {
        std::memcpy(bias + row * bias_stride, bias_.data() + row * kLeaf, kLeaf * sizeof(float));
      }
    }
    float* m = memory.left_m.Place<float>(rows_, layout);
    float* l = memory.left_l.Place<float>(rows_, layout);
    float* o = memory.left_o.Place<float>((rows_ - 1) * o_stride + d_, layout);
    float* workspace = memory.workspace.Place<float>(invar_attention_workspace(rows_, d_), layout);
    const invar_attention_leaf_args args = {rows_, d_, scale_, q, static_cast<int64_t>(q_stride), keys, values, bias,
                                            static_cast<int64_t>(bias_stride), begin_.data(), end_.data(), m, l, o,
                                            static_cast<int64_t>(o_stride), workspace, layout.Below(2) == 0 ? keys : nullptr};
    if (!c_.Call(kernel, kernel.call.attention_leaf, args, layout)) return false;
    std::vector<float> found(rows_ * (d_ + 2));
    for (size_t row = 0; row < rows_; ++row) {
      float* at = found.data() + row * (d_ + 2);
      memory.left_m.Take(m + row, 1, at);
      memory.left_l.Take(l + row, 1, at + 1);
      memory.left_o.Take(o + row * o_stride, d_, at + 2);
    }
    return c_.CheckGuards(kernel, "", {&memory.left_m, &memory.left_l, &memory.left_o}) && c_.Compare(kernel, "", found);
  }

  Case& c_;
  size_t rows_, d_;
  float scale_;
  std::vector<float> q_, keys_, values_, bias_;
  std::vector<uint32_t> begin_, end_;
};

// Maxima of two nodes that are equal, near, far apart, or not to be subtracted.
void DrawMaxima(Random& r, float& left, float& right) {
  left = r.Uniform(-50, 50);
  switch (r.Below(8)) {
    case 0: right = left; break;
    case 1: right = left + r.Uniform(-1, 1); break;
    case 2: right = left + r.Uniform(-110, 110); break;
    case 3: right = oracle::FromBits(oracle::Bits(left) ^ 1u); break;
    case 4:
      left = 0.0f;
      right = -0.0f;
      break;
    case 5: Fill(r, Kind::kSpecial, &right, 1); break;
    case 6: right = -kInfinity; break;
    default: Fill(r, DrawKind(r), &right, 1);
  }
  if (r.Below(16) == 0) left = right;
  if (r.Below(2) == 0) std::swap(left, right);
}

}  // namespace

void RunAttentionLeaf(Case& c) { LeafCase(c).Run(); }

void RunAttentionMerge(Case& c) {
  Random& r = c.random;
  const size_t rows = 1 + r.Below(6), d = DrawLength(r, 300), width = d + 2;
  const Kind kind = DrawKind(r);
  std::vector<float> left(rows * width), right(rows * width), expected;
  std::vector<uint8_t> flags(rows, 1), known;
  const bool flagged = r.Below(3) != 0;
  for (size_t row = 0; row < rows; ++row) {
    Fill(r, kind, left.data() + row * width + 1, d + 1);
    Fill(r, kind, right.data() + row * width + 1, d + 1);
    DrawMaxima(r, left[row * width], right[row * width]);
    if (flagged) flags[row] = r.Below(4) != 0 ? static_cast<uint8_t>(1 + r.Below(255)) : 0;
    const auto node = [&](const std::vector<float>& from) {
      const float* at = from.data() + row * width;
      return oracle::Node{true, at[0], at[1], oracle::Row(at + 2, at + width)};
    };
    known.insert(known.end(), width, oracle::kHasFunctions || flags[row] == 0);
    if (flags[row] == 0 || !oracle::kHasFunctions) {
      expected.insert(expected.end(), left.begin() + static_cast<ptrdiff_t>(row * width), left.begin() + static_cast<ptrdiff_t>((row + 1) * width));
    } else {
      const oracle::Node joined = oracle::AttentionJoin(node(left), node(right));
      expected.push_back(joined.m);
      expected.push_back(joined.l);
      expected.insert(expected.end(), joined.o.begin(), joined.o.end());
    }
  }
  c.description = std::to_string(rows) + " rows, d " + std::to_string(d) + ", l and o '" + Name(kind) + "'";
  c.Expect(std::move(expected), std::move(known));

  Memory& memory = c.memory;
  std::vector<float> found(rows * width);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    const size_t stride = d + layout.Below(20);
    const auto place = [&](const std::vector<float>& node, Region& m_region, Region& l_region, Region& o_region, float*& m, float*& l, float*& o) {
      m = m_region.Place<float>(rows, layout);
      l = l_region.Place<float>(rows, layout);
      o = o_region.Place<float>((rows - 1) * stride + d, layout);
      for (size_t row = 0; row < rows; ++row) {
        std::memcpy(m + row, &node[row * width], sizeof(float));
        std::memcpy(l + row, &node[row * width + 1], sizeof(float));
        if (d != 0) std::memcpy(o + row * stride, &node[row * width + 2], d * sizeof(float));
      }
    };
    float *m, *l, *o, *m2, *l2, *o2;
    place(left, memory.left_m, memory.left_l, memory.left_o, m, l, o);
    place(right, memory.right_m, memory.right_l, memory.right_o, m2, l2, o2);
    const invar_attention_merge_args args = {rows, d, flagged ? flags.data() : nullptr, m, l, o, m2, l2, o2, static_cast<int64_t>(stride)};
    if (!c.Call(*kernel, kernel->call.attention_merge, args, layout)) return;
    for (size_t row = 0; row < rows; ++row) {
      memory.left_m.Take(m + row, 1, &found[row * width]);
      memory.left_l.Take(l + row, 1, &found[row * width + 1]);
      memory.left_o.Take(o + row * stride, d, found.data() + row * width + 2);
    }
    if (!c.CheckGuards(*kernel, "", {&memory.left_m, &memory.left_l, &memory.left_o}) || !c.Compare(*kernel, "", found)) return;
  }
}

void RunAttentionFinish(Case& c) {
  Random& r = c.random;
  const size_t rows = 1 + r.Below(6), d = DrawLength(r, 300);
  const Kind kind = DrawKind(r), sums = r.Below(2) == 0 ? Kind::kNormal : DrawKind(r);
  std::vector<float> o(rows * d), l(rows), expected(rows * d);
  Fill(r, kind, o.data(), o.size());
  Fill(r, sums, l.data(), rows);
  for (size_t i = 0; i < o.size(); ++i) expected[i] = oracle::Stored(o[i] / l[i / d]);
  c.description = std::to_string(rows) + " rows, d " + std::to_string(d) + ", o '" + Name(kind) + "', l '" + Name(sums) + "'";
  c.Expect(std::move(expected));

  Memory& memory = c.memory;
  std::vector<float> found(rows * d);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    for (const bool in_place : {false, true}) {
      const size_t o_stride = d + layout.Below(20), y_stride = in_place ? o_stride : d + layout.Below(20);
      float* at_l = memory.left_l.Place<float>(rows, layout);
      std::memcpy(at_l, l.data(), rows * sizeof(float));
      float* at_o = memory.left_o.Place<float>((rows - 1) * o_stride + d, layout);
      for (size_t row = 0; row < rows && d != 0; ++row) std::memcpy(at_o + row * o_stride, o.data() + row * d, d * sizeof(float));
      float* y = in_place ? at_o : memory.y.Place<float>((rows - 1) * y_stride + d, layout);
      const invar_attention_finish_args args = {rows, d, at_l, at_o, static_cast<int64_t>(o_stride), y, static_cast<int64_t>(y_stride)};
      if (!c.Call(*kernel, kernel->call.attention_finish, args, layout)) return;
      Region& region = in_place ? memory.left_o : memory.y;
      for (size_t row = 0; row < rows; ++row) region.Take(y + row * y_stride, d, found.data() + row * d);
      const char* how = in_place ? "in place" : "";
      if (!c.CheckGuards(*kernel, how, {&region}) || !c.Compare(*kernel, how, found)) return;
    }
  }
}

}  // namespace invar::adversarial
