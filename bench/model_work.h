// A forward pass of a model as work to measure, with what the machine must at least do for it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/model/model.h"

namespace invar::bench {

// A model to measure: its config is known before it is loaded.
struct Subject {
  std::string name;
  ModelConfig config;
  std::function<std::unique_ptr<Model>()> load;
};

// One of random_model.h's, under its name and "-random/f32" or "-random/bf16".
Subject RandomSubject(const std::string& name, const ModelConfig& config, DType dtype);

// The model that was asked for last: benchmarks of one model follow one another, and two might not fit in memory.
const Model& LoadedModel(const Subject& subject);

// `sequences` sequences, each with `position` tokens in its cache already, take `count` tokens more as one batch; logits are
// wanted of each one's last. Again and again: the caches are cut back after each call.
class ModelPass {
 public:
  ModelPass(const Model& model, const std::string& isa, size_t sequences, size_t position, size_t count);
  ModelPass(const ModelPass&) = delete;
  ModelPass& operator=(const ModelPass&) = delete;

  // Lives no longer than the pass. Operations: two for each weight of a projection and token (the head: and sequence), four
  // for each element of a head and pair of positions in attention. Bytes: all weights once, and the keys and values of all
  // sequences, from memory where they are more than the caches hold and each sequence takes one token.
  Work OnThreads(int threads);

 private:
  const Model& model_;
  const Kernels& kernels_;
  size_t position_, count_;
  std::vector<int32_t> ids_;
  std::vector<float> logits_;
  std::vector<KvCache> caches_;
  std::vector<SequenceInput> inputs_;
  ForwardBuffers buffers_;
};

}  // namespace invar::bench
