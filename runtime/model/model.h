// A model: weights packed once, immutable, shared by any number of forward passes at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/kernels/selection.h"
#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/kv_cache.h"
#include "runtime/model/packed_cache.h"
#include "runtime/weights/tensor.h"

namespace invar {

// One sequence's share of a forward pass: `count` tokens that follow what its cache holds.
struct SequenceInput {
  KvCache* cache;
  const int32_t* ids;
  size_t count;
  size_t logits_from;  // logits are wanted for tokens [logits_from, count)
};

// Sees the tensors of a forward pass as they are computed, whole and in order: for finding where two passes part.
class Observer {
 public:
  virtual ~Observer() = default;
  // values: [rows][columns], `stride` apart. layer: -1 outside the layers.
  virtual void OnTensor(const char* name, int layer, size_t rows, size_t columns, const float* values,
                        int64_t stride) = 0;
};

// Buffers of a forward pass, reused from pass to pass by one caller at a time.
struct ForwardBuffers {
  Scratch packed_rows, hidden, normed, query, key, value, attended, gate, up, picked, cosine, sine;
  Scratch router, expert_rows, expert_out, expert_packed;
  size_t most_rows = 0;             // that any pass had
  std::vector<size_t> failed_rows;  // of this pass: rows that can have no logits
};

// The tensors of a checkpoint directory or a GGUF file, under Hugging Face's names. Throws Error.
std::unique_ptr<WeightSource> OpenWeights(const std::filesystem::path& path);

class Model {
 public:
  virtual ~Model() = default;

  // Reads config and weights of a Hugging Face checkpoint directory or a GGUF file and packs the weights, on `pool`.
  // Throws Error with what is wrong and where.
  static std::unique_ptr<Model> Load(const std::filesystem::path& path, ThreadPool& pool, const LoadOptions& options = {});

  // What loading would take. Config and tensors are checked as Load does; weights are not read.
  struct Needs {
    size_t parameters = 0;
    size_t weight_bytes = 0;     // packed weights and parameters in memory
    size_t kv_leaf_bytes = 0;    // KV cache of one sequence, for each 256 positions begun
    // Every tensor that is read, under a name that is the same for all sources of a model, and under the source's own.
    std::map<std::string, std::string> tensors;
  };
  static Needs Plan(const std::filesystem::path& path);

  const ModelConfig& config() const { return config_; }
  // Bytes of packed weights, tables and parameters held in memory.
  size_t weight_bytes() const { return weight_bytes_; }
  size_t parameters() const { return parameters_; }

  KvCache NewCache() const { return KvCache(config_.layers, config_.kv_heads, config_.head_dim); }

  // Throws Error for a text that is longer than the model's positions.
  void RequirePositions(size_t length) const;

  // Runs all sequences' tokens through the model as one batch, appends to their caches, and writes the wanted logits,
  // sequence after sequence, to logits[wanted rows][vocab_size]. Throws Error for an id outside the vocabulary, a
  // sequence longer than the model's positions, or too little memory, before anything is changed.
  //
  // A sequence may fail on its own, where the contract calls what happens to it an error. With `failures` it then has a
  // sentence there, which is empty for the others, and theirs are the bits that they have without it; otherwise it is
  // thrown.
  void Forward(const Kernels& kernels, Team& team, const std::vector<SequenceInput>& batch, ForwardBuffers& buffers,
               float* logits, Observer* observer = nullptr, std::vector<std::string>* failures = nullptr,
               Profile* profile = nullptr) const;

 protected:
  // One row for each token of the batch.
  struct Batch {
    const std::vector<SequenceInput>& inputs;
    std::vector<int32_t> ids;
    std::vector<uint32_t> positions;
    std::vector<AttentionSequence> sequences;  // blocks to be set layer by layer
    std::vector<size_t> wanted;                // rows whose logits are wanted
    size_t rows() const { return ids.size(); }
  };

  explicit Model(ModelConfig config) : config_(std::move(config)) {}

  // Throws Error where the batch would need more memory than there is.
  void RequireBatchMemory(const std::vector<SequenceInput>& inputs, const ForwardBuffers& buffers) const;

  // Leaves the final norm's rows of `wanted` in x and computes the head into logits.
  virtual void Run(const Context&, Batch&, ForwardBuffers&, float* logits, Observer*) const = 0;

  // Stores k and v of this layer and attends; q, k, v are [rows][heads * d].
  void Attend(const Context&, Batch&, size_t layer, const AttentionShape&, const Rows& q, const Rows& k, const Rows& v,
              const Rows& y) const;

  ModelConfig config_;
  size_t weight_bytes_ = 0;
  size_t parameters_ = 0;
  std::map<std::string, std::string> tensor_names_;  // of a plan: Needs::tensors

 private:
  void StoreBatch(const Context&, Batch&, size_t layer, const AttentionShape&, const Rows& k, const Rows& v) const;
};

}  // namespace invar
