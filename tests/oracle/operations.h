// The operations of docs/numerics.md, section 3, on plain arrays, each in the order of roundings written there. Scalar,
// recursive where the contract's words are, and not fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace invar::oracle {

using Row = std::vector<float>;

// Section 2: lanes trees of a row.
float Sum(const float* x, size_t n);
float Dot(const float* x, const float* y, size_t n);

// The matmul tree of one output: x and w of k terms.
float Contract(const float* x, const float* w, size_t k);

Row LayerNorm(const float* x, size_t n, const float* gain, const float* bias, float epsilon);
Row RmsNorm(const float* x, size_t n, const float* gain, float epsilon);
Row Softmax(const float* x, size_t n);
Row LogSoftmax(const float* x, size_t n);
float LogSumExp(const float* x, size_t n);

float GeluTanh(float x);
float GeluErf(float x);
float QuickGelu(float x);
float Silu(float x);
float Swiglu(float gate, float up);
float Relu(float x);

// Rotates one head of `dimension` elements; cosine and sine are [dimension / 2].
void Rope(float* x, size_t dimension, const float* cosine, const float* sine, bool interleaved);

// The smallest index among the greatest values; -1 where there is a NaN or nothing.
int64_t Argmax(const float* x, size_t n);

// Attention's node: m, l and o of one query over some positions.
struct Node {
  bool any = false;  // whether it holds a visible position
  float m = 0, l = 0;
  Row o;
};
struct AttentionInput {
  size_t d;
  float scale;
  const float* q;
  std::function<const float*(size_t)> key;    // of a position
  std::function<const float*(size_t)> value;  // of a position
  const float* bias = nullptr;                // of a position, or none
};
// One leaf: positions [begin, end) counted from leaf * 256.
Node AttentionLeaf(const AttentionInput& in, size_t leaf, size_t begin, size_t end);
Node AttentionJoin(const Node& left, const Node& right);
// y of a query that sees the positions [begin, end).
Row Attention(const AttentionInput& in, size_t begin, size_t end);

}  // namespace invar::oracle
