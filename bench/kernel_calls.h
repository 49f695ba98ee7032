// A call of any kernel of the registry, at shapes that say something about it: what the benchmarks time (kernels_bench.cc)
// and what instructions are counted of (tests/instructions). One thread, operands in cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "invar/kernels.h"

namespace invar::bench {

struct KernelShape {
  std::string name;
  size_t rows = 1, n = 0, k = 0, step = 1;
  bool counted = true;  // false: its count of instructions would say nothing that another shape's does not
};

struct KernelCall {
  double flops = 0;     // a multiply-add counts as two; 0: the work is counted in elements
  double elements = 0;  // 0: the work is counted in flops
  double bytes = 0;     // read, or read and written once by elementwise kernels
  std::function<void()> call;
};

// Gives `bytes` of weights of any storage type, aligned to 64, that live as long as the calls made with them.
using WeightSource = std::function<const void*(size_t bytes)>;

// operation/type/tile/isa
std::string NameOf(const invar_kernel& kernel);

// Most telling first; the first is counted. Throws std::runtime_error for a family that this file does not know.
std::vector<KernelShape> ShapesOf(const invar_kernel& kernel);
KernelCall CallOf(const invar_kernel& kernel, const KernelShape& shape, const WeightSource& weights);

constexpr size_t TypeSize(invar_type type) { return type == INVAR_F32 ? 4 : 2; }

// `count` floats in (low, high), always the same.
std::vector<float> Values(size_t count, float low, float high, uint32_t seed = 1);

// Fills memory, always in the same way, with small numbers of whichever storage type it is read as: no subnormal or NaN
// slows a processor down.
void FillWeights(uint16_t* halves, size_t count);

}  // namespace invar::bench
