// Models of published dimensions with random weights, made in memory: what a forward pass costs depends on its shapes and
// not on what the weights say, and published weights are not at hand everywhere.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar::bench {

// The dimensions of GPT-2 124M and of Qwen3-0.6B, as their published configs have them.
ModelConfig Gpt2Small();
ModelConfig Qwen3Small();
// GPT-2's form at another size, for sweeps: head_dim 64, 1024 positions, a vocabulary of 8192.
ModelConfig Gpt2Sized(size_t width, size_t layers);

// Weights are always the same ones: small numbers of either sign, of norms' gains 1. `dtype`: kF32 or kBF16.
std::unique_ptr<Model> MakeRandomModel(const ModelConfig& config, DType dtype, ThreadPool& pool);

}  // namespace invar::bench
