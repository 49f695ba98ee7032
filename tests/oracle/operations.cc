#include "tests/oracle/operations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "tests/oracle/arithmetic.h"

namespace invar::oracle {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
bool IsNan(float x) { return x != x; }

// "Leaf results are combined pairwise, neighbours first, level by level: node j of a level is node 2j + node 2j+1 of the
// level below; a last node without a right neighbour passes up unchanged."
template <class T, class Add>
T Pairwise(std::vector<T> level, const Add& add) {
  while (level.size() > 1) {
    std::vector<T> above;
    for (size_t j = 0; j < level.size(); j += 2) {
      above.push_back(j + 1 < level.size() ? add(level[j], level[j + 1]) : level[j]);
    }
    level = above;
  }
  return level[0];
}

using Lanes = std::array<float, 16>;

// "sixteen chains, lane j taking the terms whose index within the leaf is j mod 16, each from +0 ascending; at the root
// the sixteen lanes fold j + (j+8), then +4, +2, +1."
float LanesTree(size_t n, const std::function<float(size_t i, float s)>& term) {
  if (n == 0) return 0.0f;  // "An empty sum is +0."
  std::vector<Lanes> leaves;
  for (size_t begin = 0; begin < n; begin += 256) {
    Lanes lanes;
    lanes.fill(0.0f);
    for (size_t i = begin; i < std::min(begin + 256, n); ++i) lanes[(i - begin) % 16] = term(i, lanes[(i - begin) % 16]);
    leaves.push_back(lanes);
  }
  Lanes root = Pairwise(leaves, [](const Lanes& a, const Lanes& b) {
    Lanes sum;
    for (size_t j = 0; j < 16; ++j) sum[j] = a[j] + b[j];
    return sum;
  });
  for (const size_t half : {8, 4, 2, 1}) {
    for (size_t j = 0; j < half; ++j) root[j] = root[j] + root[j + half];
  }
  return root[0];
}

// "max is NaN if any operand is"
float Max(const float* x, size_t n) {
  float m = -kInfinity;
  for (size_t i = 0; i < n; ++i) {
    if (IsNan(x[i])) return x[i];
    m = std::max(m, x[i]);
  }
  return m;
}

Row ExpMinus(const float* x, size_t n, float m) {
  Row p(n);
  for (size_t i = 0; i < n; ++i) p[i] = Exp(x[i] - m);
  return p;
}

}  // namespace

float Sum(const float* x, size_t n) {
  return Stored(LanesTree(n, [x](size_t i, float s) { return s + x[i]; }));
}

float Dot(const float* x, const float* y, size_t n) {
  return Stored(LanesTree(n, [x, y](size_t i, float s) { return Fma(x[i], y[i], s); }));
}

// "the smallest t >= 0 with ceil(n / 2^t) <= 256 gives L = ceil(n / 2^t), and exactly 2^t leaves (an empty leaf is +0 and
// is added)"; "chain: s = +0; for k ascending: s = fma(a[k], b[k], s)"
float Contract(const float* x, const float* w, size_t k) {
  size_t leaves = 1;
  while ((k + leaves - 1) / leaves > 256) leaves *= 2;
  const size_t length = (k + leaves - 1) / leaves;
  std::vector<float> sums;
  for (size_t i = 0; i < leaves; ++i) {
    float s = 0.0f;
    for (size_t j = i * length; j < std::min((i + 1) * length, k); ++j) s = Fma(x[j], w[j], s);
    sums.push_back(s);
  }
  return Stored(Pairwise(sums, [](float a, float b) { return a + b; }));
}

Row LayerNorm(const float* x, size_t n, const float* gain, const float* bias, float epsilon) {
  Row c(n), y(n);
  const float count = static_cast<float>(n);
  const float mean = LanesTree(n, [x](size_t i, float s) { return s + x[i]; }) / count;
  for (size_t i = 0; i < n; ++i) c[i] = x[i] - mean;
  const float variance = LanesTree(n, [&c](size_t i, float s) { return Fma(c[i], c[i], s); }) / count;
  const float r = 1.0f / std::sqrt(variance + epsilon);
  for (size_t i = 0; i < n; ++i) {
    const float scaled = c[i] * r;
    y[i] = Stored(bias != nullptr ? Fma(scaled, gain[i], bias[i]) : scaled * gain[i]);
  }
  return y;
}

Row RmsNorm(const float* x, size_t n, const float* gain, float epsilon) {
  Row y(n);
  const float square = LanesTree(n, [x](size_t i, float s) { return Fma(x[i], x[i], s); }) / static_cast<float>(n);
  const float r = 1.0f / std::sqrt(square + epsilon);
  for (size_t i = 0; i < n; ++i) {
    const float scaled = x[i] * r;
    y[i] = Stored(scaled * gain[i]);
  }
  return y;
}

Row Softmax(const float* x, size_t n) {
  Row p = ExpMinus(x, n, Max(x, n));
  const float l = Sum(p.data(), n);
  for (float& v : p) v = Stored(v / l);
  return p;
}

float LogSumExp(const float* x, size_t n) {
  const float m = Max(x, n);
  const float l = Sum(ExpMinus(x, n, m).data(), n);
  return Stored(m + Log(l));
}

Row LogSoftmax(const float* x, size_t n) {
  const float m = Max(x, n);
  const float log_l = Log(Sum(ExpMinus(x, n, m).data(), n));
  Row y(n);
  for (size_t i = 0; i < n; ++i) {
    const float shifted = x[i] - m;
    y[i] = Stored(shifted - log_l);
  }
  return y;
}

// x / (1 + exp(-1.5957691216 * fma(0.044715 * (x * x), x, x)))
float GeluTanh(float x) {
  const float square = x * x;
  const float inner = Fma(0.044715f * square, x, x);
  return Stored(x / (1.0f + Exp(-1.5957691216f * inner)));
}

// (0.5 * x) * erfc(-(x * 0.70710678118))
float GeluErf(float x) {
  const float scaled = x * 0.70710678118f;
  return Stored((0.5f * x) * Erfc(-scaled));
}

float QuickGelu(float x) {
  const float scaled = 1.702f * x;
  return Stored(x / (1.0f + Exp(-scaled)));
}

float Silu(float x) { return Stored(x / (1.0f + Exp(-x))); }

float Swiglu(float gate, float up) { return Stored(Silu(gate) * up); }

float Relu(float x) { return IsNan(x) ? Stored(x) : x > 0 ? x : 0.0f; }

void Rope(float* x, size_t dimension, const float* cosine, const float* sine, bool interleaved) {
  const size_t half = dimension / 2;
  for (size_t i = 0; i < half; ++i) {
    float& first = x[interleaved ? 2 * i : i];
    float& second = x[interleaved ? 2 * i + 1 : i + half];
    const float x1 = first, x2 = second;
    const float crossed = x2 * sine[i], straight = x1 * sine[i];
    first = Stored(Fma(x1, cosine[i], -crossed));
    second = Stored(Fma(x2, cosine[i], straight));
  }
}

int64_t Argmax(const float* x, size_t n) {
  int64_t best = -1;
  for (size_t i = 0; i < n; ++i) {
    if (IsNan(x[i])) return -1;
    if (best < 0 || x[i] > x[best]) best = static_cast<int64_t>(i);
  }
  return best;
}

// "s[j] = matmul(q, k[j]) * scale; an additive bias is added after; m = max s; p[j] = exp(s[j] - m); l = the lanes sum of
// p by j - 256i, folded; o = the chain of p[j], v[j]. A leaf whose m is -infinity has p = +0."
Node AttentionLeaf(const AttentionInput& in, size_t leaf, size_t begin, size_t end) {
  Node node;
  if (begin >= end) return node;
  node.any = true;
  Row s(end - begin);
  for (size_t j = begin; j < end; ++j) {
    s[j - begin] = Contract(in.q, in.key(leaf * 256 + j), in.d) * in.scale;
    if (in.bias != nullptr) s[j - begin] = s[j - begin] + in.bias[leaf * 256 + j];
  }
  node.m = Max(s.data(), s.size());
  Row p = node.m == -kInfinity ? Row(s.size(), 0.0f) : ExpMinus(s.data(), s.size(), node.m);
  Lanes lanes;
  lanes.fill(0.0f);
  for (size_t j = begin; j < end; ++j) lanes[j % 16] = lanes[j % 16] + p[j - begin];
  for (const size_t half : {8, 4, 2, 1}) {
    for (size_t j = 0; j < half; ++j) lanes[j] = lanes[j] + lanes[j + half];
  }
  node.l = Stored(lanes[0]);
  node.m = Stored(node.m);
  node.o.assign(in.d, 0.0f);
  for (size_t i = 0; i < in.d; ++i) {
    for (size_t j = begin; j < end; ++j) node.o[i] = Fma(p[j - begin], in.value(leaf * 256 + j)[i], node.o[i]);
    node.o[i] = Stored(node.o[i]);
  }
  return node;
}

// "hi = the child with the greater m (the left when equal) and lo = the other: f = exp(m_lo - m_hi), 1 when they are
// equal; m = m_hi; l = fma(l_lo, f, l_hi); o = fma(o_lo, f, o_hi); a NaN m on either side makes m, l and o NaN"
Node AttentionJoin(const Node& left, const Node& right) {
  if (!left.any) return right;
  if (!right.any) return left;
  Node node;
  node.any = true;
  if (IsNan(left.m) || IsNan(right.m)) {
    node.m = node.l = FromBits(0x7FC00000u);
    node.o.assign(left.o.size(), node.m);
    return node;
  }
  const Node& hi = left.m >= right.m ? left : right;
  const Node& lo = left.m >= right.m ? right : left;
  const float f = hi.m == lo.m ? 1.0f : Exp(lo.m - hi.m);
  node.m = hi.m;
  node.l = Stored(Fma(lo.l, f, hi.l));
  for (size_t i = 0; i < hi.o.size(); ++i) node.o.push_back(Stored(Fma(lo.o[i], f, hi.o[i])));
  return node;
}

Row Attention(const AttentionInput& in, size_t begin, size_t end) {
  // "Nodes pair by absolute leaf index (2i, 2i+1, then their parents)"
  std::vector<Node> level;
  for (size_t leaf = 0; leaf * 256 < end; ++leaf) {
    const size_t from = std::max(begin, leaf * 256), to = std::min(end, leaf * 256 + 256);
    level.push_back(from < to ? AttentionLeaf(in, leaf, from - leaf * 256, to - leaf * 256) : Node());
  }
  const Node root = Pairwise(level, AttentionJoin);
  Row y(in.d);
  for (size_t i = 0; i < in.d; ++i) y[i] = Stored(root.o[i] / root.l);
  return y;
}

}  // namespace invar::oracle
