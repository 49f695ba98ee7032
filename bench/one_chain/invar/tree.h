// In place of include/invar/tree.h where matmul is compiled a second time to measure what the contract's tree costs: one
// leaf, as long as the whole sum. Nothing computes with these kernels but that benchmark.
#pragma once

#include <cstddef>
#include <cstdint>

namespace invar {

struct MatmulTree {
  uint64_t leaf_length;
  uint64_t leaves;
};

constexpr MatmulTree MatmulTreeOf(uint64_t n) { return {n, 1}; }

constexpr int JoinsAfterLeaf(uint64_t) { return 0; }

constexpr int LevelsOf(uint64_t) { return 1; }

}  // namespace invar
