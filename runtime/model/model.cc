#include "runtime/model/model.h"

#include <algorithm>
#include <string>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/model/architectures.h"
#include "runtime/model/gguf_model.h"
#include "runtime/weights/gguf.h"
#include "runtime/weights/safetensors.h"

namespace invar {

namespace {

std::unique_ptr<Model> Make(const std::filesystem::path& path, ThreadPool& pool, bool plan) {
  const ScopedFloatEnv env;
  ModelConfig config = ModelConfig::Load(path);
  std::unique_ptr<WeightSource> weights = OpenWeights(path);
  switch (config.architecture) {
    case Architecture::kGpt2:
      return LoadGpt2(std::move(config), std::move(weights), pool, plan);
    case Architecture::kDecoder:
      return LoadDecoder(std::move(config), std::move(weights), pool, plan);
  }
  throw Error("the config of " + path.string() + " names an architecture that is not supported");
}

}  // namespace

std::unique_ptr<WeightSource> OpenWeights(const std::filesystem::path& path) {
  if (const std::optional<std::filesystem::path> gguf = GgufPath(path)) return OpenGgufWeights(*gguf);
  return std::make_unique<SafetensorsCheckpoint>(SafetensorsCheckpoint::Open(path));
}

std::unique_ptr<Model> Model::Load(const std::filesystem::path& path, ThreadPool& pool) { return Make(path, pool, false); }

Model::Needs Model::Plan(const std::filesystem::path& path) {
  ThreadPool pool(1);
  const std::unique_ptr<Model> model = Make(path, pool, true);
  KvCache cache = model->NewCache();
  cache.Reserve(1);
  return {model->parameters_, model->weight_bytes_, model->mapped_bytes_, cache.bytes()};
}

void Model::Forward(const Kernels& kernels, Team& team, const std::vector<SequenceInput>& inputs,
                    ForwardBuffers& buffers, float* logits, Observer* observer) const {
  for (const SequenceInput& input : inputs) {
    if (input.cache->length() + input.count > config_.max_positions) {
      throw Error("a sequence of " + std::to_string(input.cache->length() + input.count) +
                  " tokens is longer than the " + std::to_string(config_.max_positions) +
                  " positions of the model" +
                  (config_.positions_reason.empty() ? "" : " (" + config_.positions_reason + ")") +
                  "; shorten the prompt or generate fewer tokens");
    }
    for (size_t i = 0; i < input.count; ++i) {
      if (input.ids[i] < 0 || static_cast<size_t>(input.ids[i]) >= config_.vocab_size) {
        throw Error("token id " + std::to_string(input.ids[i]) + " is outside the model's vocabulary of " +
                    std::to_string(config_.vocab_size));
      }
    }
  }
  const ScopedFloatEnv env;
  Batch batch = {inputs, {}, {}, {}, {}};
  for (const SequenceInput& input : inputs) {
    input.cache->Reserve(input.cache->length() + input.count);
    const size_t first = batch.rows(), position = input.cache->length();
    for (size_t i = 0; i < input.count; ++i) {
      if (i >= input.logits_from) batch.wanted.push_back(first + i);
      batch.ids.push_back(input.ids[i]);
      batch.positions.push_back(static_cast<uint32_t>(position + i));
    }
    batch.sequences.push_back({first, input.count, position, nullptr});
  }
  if (batch.rows() == 0) return;
  const Context context = {kernels, team, buffers.packed_rows};
  Run(context, batch, buffers, logits, observer);
  for (const SequenceInput& input : inputs) input.cache->SetLength(input.cache->length() + input.count);
}

void Model::Attend(const Context& context, Batch& batch, size_t layer, const AttentionShape& shape, const Rows& q,
                   const Rows& k, const Rows& v, const Rows& y) const {
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    AttentionSequence& sequence = batch.sequences[i];
    sequence.blocks = batch.inputs[i].cache->layer(layer);
    StoreKeysAndValues(context, shape, sequence, {k.row(sequence.first_row), k.stride},
                       {v.row(sequence.first_row), v.stride});
  }
  Attention(context, shape, batch.sequences, q, y);
}

}  // namespace invar
