// The model families: each file assembles one forward pass from operations and knows its tensors' names.
#pragma once

#include <memory>

#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"
#include "runtime/weights/safetensors.h"

namespace invar {

// Nothing of the checkpoint is needed afterwards.
std::unique_ptr<Model> LoadGpt2(ModelConfig config, const SafetensorsCheckpoint& checkpoint, ThreadPool& pool);
std::unique_ptr<Model> LoadDecoder(ModelConfig config, const SafetensorsCheckpoint& checkpoint, ThreadPool& pool);

}  // namespace invar
