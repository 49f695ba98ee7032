// The model families: each file assembles one forward pass from operations and knows its tensors' names.
#pragma once

#include <memory>

#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"
#include "runtime/weights/tensor.h"

namespace invar {

// With `plan`, everything is looked up, checked and counted, but nothing is read: such a model cannot run.
std::unique_ptr<Model> LoadGpt2(ModelConfig config, std::unique_ptr<WeightSource> weights, ThreadPool& pool, bool plan);
std::unique_ptr<Model> LoadDecoder(ModelConfig config, std::unique_ptr<WeightSource> weights, ThreadPool& pool, bool plan);

}  // namespace invar
