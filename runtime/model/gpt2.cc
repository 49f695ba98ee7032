// GPT-2 (contract, section 3, "Models"): h = embedding; each layer: h = h + c_proj(attention(c_attn(ln_1(h))));
// h = h + mlp.c_proj(act(c_fc(ln_2(h)))); then ln_f and the head.
#include "runtime/model/architectures.h"
#include "runtime/model/exact.h"
#include "runtime/model/forward.h"
#include "runtime/model/weights.h"

namespace invar {
namespace {

class Gpt2 final : public Model {
 public:
  Gpt2(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan, const PackedCache* cache)
      : Model(std::move(config)) {
    WeightLoader load(weights, "transformer.", pool, arena_, cache);
    LoadWeights(load);
    if (plan) {
      tensor_names_ = load.names();
    } else {
      load.Begin();
      LoadWeights(load);
      load.End();
    }
    epsilon_ = static_cast<float>(config_.norm_epsilon);
    activation_ = KernelActivation(config_.activation);
    weight_bytes_ = plan ? static_cast<size_t>(load.bytes()) : arena_.bytes();
    parameters_ = load.parameters();
  }

 private:
  struct LayerNorm {
    const float* gain;
    const float* bias;
  };
  struct Layer {
    LayerNorm ln_1, ln_2;
    Linear c_attn, attn_c_proj, c_fc, mlp_c_proj;
    float scale;
  };

  void LoadWeights(WeightLoader& load) {
    const size_t width = config_.hidden_size, inner = config_.intermediate_size;
    const bool tied = config_.tie_word_embeddings;
    head_ = load.LoadLinear(load.HeadName(tied, "wte.weight"), "", config_.vocab_size, width, false);
    tokens_ = tied ? WeightLoader::TableOf(head_) : load.LoadTable("wte.weight", config_.vocab_size, width);
    positions_ = load.LoadMatrix("wpe.weight", config_.max_positions, width);
    layers_.clear();
    for (size_t i = 0; i < config_.layers; ++i) {
      const std::string at = "h." + std::to_string(i) + ".";
      Layer layer;
      layer.ln_1 = {load.LoadVector(at + "ln_1.weight", width), load.LoadVector(at + "ln_1.bias", width)};
      layer.ln_2 = {load.LoadVector(at + "ln_2.weight", width), load.LoadVector(at + "ln_2.bias", width)};
      layer.c_attn = load.LoadLinear(at + "attn.c_attn.weight", at + "attn.c_attn.bias", 3 * width, width, true);
      layer.attn_c_proj = load.LoadLinear(at + "attn.c_proj.weight", at + "attn.c_proj.bias", width, width, true);
      layer.c_fc = load.LoadLinear(at + "mlp.c_fc.weight", at + "mlp.c_fc.bias", inner, width, true);
      layer.mlp_c_proj = load.LoadLinear(at + "mlp.c_proj.weight", at + "mlp.c_proj.bias", width, inner, true);
      layer.scale = AttentionScale(config_.head_dim, config_.scale_attn_weights,
                                   config_.scale_attn_by_inverse_layer_idx ? static_cast<uint32_t>(i + 1) : 1);
      layers_.push_back(layer);
    }
    ln_f_ = {load.LoadVector("ln_f.weight", width), load.LoadVector("ln_f.bias", width)};
  }

  void Run(const Context& context, Batch& batch, ForwardBuffers& buffers, float* logits,
           Observer* observer) const override {
    const size_t rows = batch.rows(), width = config_.hidden_size, inner = config_.intermediate_size;
    const Trace trace(observer, rows);
    const Rows h = RowsOf(buffers.hidden, rows, width), x = RowsOf(buffers.normed, rows, width);
    const Rows qkv = RowsOf(buffers.query, rows, 3 * width), attended = RowsOf(buffers.attended, rows, width);
    const Rows fc = RowsOf(buffers.gate, rows, inner);
    const Rows q = qkv, k = {qkv.data + width, qkv.stride}, v = {qkv.data + 2 * width, qkv.stride};

    {
      const ProfileSpan span(context.profile, ProfiledKind::kEmbedding, "embedding");
      context.team.For(rows, [&](size_t r) {
        const size_t id = static_cast<size_t>(batch.ids[r]);
        const invar_embedding_args args = {width, tokens_.row(id), tokens_.element_stride(),
                                           positions_ + batch.positions[r] * width, h.row(r)};
        context.kernels.embedding[tokens_.type](&args);
      });
    }
    trace("embedding", -1, width, h);

    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const int index = static_cast<int>(i);
      const AttentionShape shape = {config_.heads, config_.heads, config_.head_dim, layer.scale, 0};
      Normalize(context, "ln_1", context.kernels.layer_norm, rows, width, h, layer.ln_1.gain, layer.ln_1.bias, epsilon_,
                x);
      trace("ln_1", index, width, x);
      Project(context, "attn.c_attn", layer.c_attn, rows, x, qkv);
      trace("attn.c_attn", index, 3 * width, qkv);
      Attend(context, batch, i, shape, q, k, v, attended);
      trace("attention", index, width, attended);
      Project(context, "attn.c_proj", layer.attn_c_proj, rows, attended, h, INVAR_ACTIVATION_NONE, &h);
      trace("attn.c_proj", index, width, h);
      Normalize(context, "ln_2", context.kernels.layer_norm, rows, width, h, layer.ln_2.gain, layer.ln_2.bias, epsilon_,
                x);
      trace("ln_2", index, width, x);
      Project(context, "mlp.c_fc", layer.c_fc, rows, x, fc, activation_);
      trace("mlp.c_fc", index, inner, fc);
      Project(context, "mlp.c_proj", layer.mlp_c_proj, rows, fc, h, INVAR_ACTIVATION_NONE, &h);
      trace("mlp.c_proj", index, width, h);
    }

    const Rows picked = PickRows(buffers.picked, batch.wanted, width, h);
    Normalize(context, "ln_f", context.kernels.layer_norm, batch.wanted.size(), width, picked, ln_f_.gain, ln_f_.bias,
              epsilon_, picked);
    const int64_t vocabulary = static_cast<int64_t>(config_.vocab_size);
    Project(context, "head", head_, batch.wanted.size(), picked, {logits, vocabulary});
  }

  Arena arena_;
  EmbeddingTable tokens_;
  const float* positions_ = nullptr;
  std::vector<Layer> layers_;
  LayerNorm ln_f_ = {};
  Linear head_;
  float epsilon_ = 0;
  invar_activation activation_ = INVAR_ACTIVATION_NONE;
};

}  // namespace

std::unique_ptr<Model> LoadGpt2(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan,
                                const PackedCache* cache) {
  return std::make_unique<Gpt2>(std::move(config), weights, pool, plan, cache);
}

}  // namespace invar
