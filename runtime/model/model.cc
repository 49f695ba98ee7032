#include "runtime/model/model.h"

#include <algorithm>
#include <optional>
#include <string>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/model/architectures.h"
#include "runtime/model/gguf_model.h"
#include "runtime/weights/gguf.h"
#include "runtime/weights/safetensors.h"

namespace invar {

namespace {

std::unique_ptr<Model> Make(const std::filesystem::path& path, ThreadPool& pool, bool plan, const LoadOptions& options) {
  const ScopedFloatEnv env;
  std::optional<PackedCache> cache;
  if (!options.packed_cache.empty()) cache.emplace(path, options);
  const PackedCache* const packed = cache ? &*cache : nullptr;
  ModelConfig config = ModelConfig::Load(path);
  const std::unique_ptr<WeightSource> weights = OpenWeights(path);
  switch (config.architecture) {
    case Architecture::kGpt2:
      return LoadGpt2(std::move(config), *weights, pool, plan, packed);
    case Architecture::kDecoder:
      return LoadDecoder(std::move(config), *weights, pool, plan, packed);
  }
  throw Error("the config of " + path.string() + " names an architecture that is not supported");
}

// Pairs of a query of some head and a position that it sees.
uint64_t AttentionWeights(const AttentionShape& shape, const std::vector<AttentionSequence>& sequences) {
  uint64_t pairs = 0;
  for (const AttentionSequence& s : sequences) {
    for (uint64_t position = s.position; position < s.position + s.rows; ++position) {
      pairs += shape.window == 0 ? position + 1 : std::min<uint64_t>(position + 1, shape.window);
    }
  }
  return pairs * shape.heads;
}

}  // namespace

std::unique_ptr<WeightSource> OpenWeights(const std::filesystem::path& path) {
  if (const std::optional<std::filesystem::path> gguf = GgufPath(path)) return OpenGgufWeights(*gguf);
  return std::make_unique<SafetensorsCheckpoint>(SafetensorsCheckpoint::Open(path));
}

std::unique_ptr<Model> Model::Load(const std::filesystem::path& path, ThreadPool& pool, const LoadOptions& options) {
  return Make(path, pool, false, options);
}

Model::Needs Model::Plan(const std::filesystem::path& path) {
  ThreadPool pool(1);
  const std::unique_ptr<Model> model = Make(path, pool, true, {});
  KvCache cache = model->NewCache();
  cache.Reserve(1);
  return {model->parameters_, model->weight_bytes_, cache.bytes(), std::move(model->tensor_names_)};
}

void Model::RequirePositions(size_t length) const {
  if (length <= config_.max_positions) return;
  throw Error("a sequence of " + std::to_string(length) + " tokens is longer than the " +
              std::to_string(config_.max_positions) + " positions of the model" +
              (config_.positions_reason.empty() ? "" : " (" + config_.positions_reason + ")") +
              "; shorten the prompt or generate fewer tokens");
}

void Model::RequireBatchMemory(const std::vector<SequenceInput>& inputs, const ForwardBuffers& buffers) const {
  uint64_t bytes = 0, rows = 0;
  for (const SequenceInput& input : inputs) {
    bytes = SaturatingAdd(bytes, input.cache->MissingBytes(input.cache->length() + input.count));
    rows += input.count;
  }
  if (rows > buffers.most_rows) {
    // The buffers of a row, matmul's copy of the widest, and what rows lie apart (RowsOf).
    const uint64_t q = config_.heads * config_.head_dim, kv = config_.kv_heads * config_.head_dim;
    const uint64_t inner = std::max(config_.intermediate_size, config_.experts.intermediate_size);
    const uint64_t floats = 4 * config_.hidden_size + 4 * q + 2 * kv + 3 * inner + 2 * config_.head_dim +
                            config_.experts.experts + 3 * config_.experts.per_token * config_.hidden_size + 16 * 32;
    bytes = SaturatingAdd(bytes, SaturatingMultiply(rows, sizeof(float) * floats));
  }
  RequireMemory(bytes, "the keys, values and buffers of " + std::to_string(rows) + " tokens in " +
                std::to_string(inputs.size()) + " sequences need", "use a shorter text, fewer sequences or smaller chunks");
}

void Model::Forward(const Kernels& kernels, Team& team, const std::vector<SequenceInput>& inputs,
                    ForwardBuffers& buffers, float* logits, Observer* observer,
                    std::vector<std::string>* failures, Profile* profile) const {
  if (failures != nullptr) failures->assign(inputs.size(), "");
  for (const SequenceInput& input : inputs) {
    RequirePositions(input.cache->length() + input.count);
    for (size_t i = 0; i < input.count; ++i) {
      if (input.ids[i] < 0 || static_cast<size_t>(input.ids[i]) >= config_.vocab_size) {
        throw Error("token id " + std::to_string(input.ids[i]) + " is outside the model's vocabulary of " +
                    std::to_string(config_.vocab_size));
      }
    }
  }
  RequireBatchMemory(inputs, buffers);
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
  const Context context = {kernels, team, buffers.packed_rows, profile};
  buffers.failed_rows.clear();
  Run(context, batch, buffers, logits, observer);
  buffers.most_rows = std::max(buffers.most_rows, batch.rows());
  for (const size_t row : buffers.failed_rows) {
    const std::string failure = "a router's probabilities hold a NaN, so no experts can be chosen; check the checkpoint";
    if (failures == nullptr) throw Error(failure);
    const auto after = [](size_t r, const AttentionSequence& s) { return r < s.first_row; };
    const auto next = std::upper_bound(batch.sequences.begin(), batch.sequences.end(), row, after);
    (*failures)[static_cast<size_t>(next - batch.sequences.begin()) - 1] = failure;
  }
  for (const SequenceInput& input : inputs) input.cache->SetLength(input.cache->length() + input.count);
}

void Model::Attend(const Context& context, Batch& batch, size_t layer, const AttentionShape& shape, const Rows& q,
                   const Rows& k, const Rows& v, const Rows& y) const {
  {
    const ProfileSpan span(context.profile, ProfiledKind::kKvStore, "kv store");
    StoreBatch(context, batch, layer, shape, k, v);
  }
  const ProfileSpan span(context.profile, ProfiledKind::kAttention, "attention");
  Attention(context, shape, batch.sequences, q, y);
  if (context.profile != nullptr) context.profile->AddAttentionWeights(AttentionWeights(shape, batch.sequences));
}

void Model::StoreBatch(const Context& context, Batch& batch, size_t layer, const AttentionShape& shape, const Rows& k,
                       const Rows& v) const {
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    AttentionSequence& sequence = batch.sequences[i];
    sequence.blocks = batch.inputs[i].cache->layer(layer);
    StoreKeysAndValues(context, shape, sequence, {k.row(sequence.first_row), k.stride},
                       {v.row(sequence.first_row), v.stride});
  }
}

}  // namespace invar
