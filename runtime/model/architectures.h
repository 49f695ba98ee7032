// The model families: each file assembles one forward pass from operations and knows its tensors' names.
#pragma once

#include <memory>

#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"
#include "runtime/model/packed_cache.h"
#include "runtime/weights/tensor.h"

namespace invar {

// Everything is looked up, checked and counted; then, unless it is only to `plan`, read, or mapped from `cache`. A plan cannot
// run.
std::unique_ptr<Model> LoadGpt2(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan,
                                const PackedCache* cache = nullptr);
std::unique_ptr<Model> LoadDecoder(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan,
                                   const PackedCache* cache = nullptr);

}  // namespace invar
