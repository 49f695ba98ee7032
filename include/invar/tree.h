// The reduction tree of docs/numerics.md, section 2: which leaves there are, and when a finished leaf may be joined.
#pragma once

#include <cstddef>
#include <cstdint>

namespace invar {

// Terms of a leaf of every reduction other than matmul.
inline constexpr uint64_t kLeaf = 256;

// Matmul's leaves: the smallest t >= 0 with ceil(n / 2^t) <= 256 gives 2^t leaves of ceil(n / 2^t) terms.
struct MatmulTree {
  uint64_t leaf_length;
  uint64_t leaves;
};

constexpr MatmulTree MatmulTreeOf(uint64_t n) {
  int t = 0;
  uint64_t length = n;
  while (length > kLeaf) {
    ++t;
    length = (n >> t) + ((n & ((uint64_t{1} << t) - 1)) != 0 ? 1 : 0);
  }
  return {length, uint64_t{1} << t};
}

// Leaves finish in ascending order, so joining "neighbours first, level by level" is a binary counter: after leaf i,
// as many nodes are joined as i has trailing ones, each with the left sibling kept at that level.
constexpr int JoinsAfterLeaf(uint64_t i) {
  int joins = 0;
  for (; (i & 1) != 0; i >>= 1) ++joins;
  return joins;
}

// Levels that a binary counter over this many leaves can hold at once.
constexpr int LevelsOf(uint64_t leaves) {
  int levels = 1;
  while (leaves > 1) {
    leaves >>= 1;
    ++levels;
  }
  return levels;
}

static_assert(MatmulTreeOf(768).leaf_length == 192 && MatmulTreeOf(768).leaves == 4);
static_assert(MatmulTreeOf(1024).leaf_length == 256 && MatmulTreeOf(1024).leaves == 4);
static_assert(MatmulTreeOf(1600).leaf_length == 200 && MatmulTreeOf(1600).leaves == 8);
static_assert(MatmulTreeOf(3072).leaf_length == 192 && MatmulTreeOf(3072).leaves == 16);
static_assert(MatmulTreeOf(0).leaf_length == 0 && MatmulTreeOf(0).leaves == 1);
static_assert(JoinsAfterLeaf(0) == 0 && JoinsAfterLeaf(1) == 1 && JoinsAfterLeaf(3) == 2);

}  // namespace invar
