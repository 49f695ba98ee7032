// The decoder of Qwen3 (contract, section 3, "Models"): h = wte[id]; each layer:
// h = h + o_proj(attention(rope(q_norm(q)), rope(k_norm(k)), v)) with q, k, v projected from input_layernorm(h), the
// norms per head; h = h + down(swiglu(gate(x), up(x))), x = post_attention_layernorm(h); then norm and the head.
// Qwen2, Llama and Mistral are the same without q_norm and k_norm, with biases where their configs say so; Qwen3 MoE has a
// mixture of experts in place of some layers' MLP.
#include "runtime/model/architectures.h"
#include "runtime/model/exact.h"
#include "runtime/model/experts.h"
#include "runtime/model/forward.h"
#include "runtime/model/weights.h"

namespace invar {
namespace {

class Decoder final : public Model {
 public:
  Decoder(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan, const PackedCache* cache)
      : Model(std::move(config)) {
    WeightLoader load(weights, "model.", pool, arena_, cache);
    LoadWeights(load);
    if (plan) {
      tensor_names_ = load.names();
    } else {
      load.Begin();
      LoadWeights(load);
      load.End();
    }
    epsilon_ = static_cast<float>(config_.norm_epsilon);
    scale_ = AttentionScale(static_cast<uint32_t>(config_.head_dim));
    frequencies_ = RopeFrequencies(config_.rope);
    attention_factor_ = RopeAttentionFactor(config_.rope);
    weight_bytes_ = plan ? static_cast<size_t>(load.bytes()) : arena_.bytes();
    parameters_ = load.parameters();
  }

 private:
  struct Layer {
    const float *input_norm, *post_norm, *q_norm, *k_norm;
    Linear q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj;
    std::unique_ptr<Experts> experts;  // in place of gate, up and down
  };

  void LoadWeights(WeightLoader& load) {
    const size_t width = config_.hidden_size, inner = config_.intermediate_size, d = config_.head_dim;
    const size_t q_width = config_.heads * d, kv_width = config_.kv_heads * d;
    const bool tied = config_.tie_word_embeddings;
    head_ = load.LoadLinear(load.HeadName(tied, "embed_tokens.weight"), "", config_.vocab_size, width, false);
    tokens_ = tied ? WeightLoader::TableOf(head_) : load.LoadTable("embed_tokens.weight", config_.vocab_size, width);
    layers_.clear();
    for (size_t i = 0; i < config_.layers; ++i) {
      const std::string at = "layers." + std::to_string(i) + ".";
      const auto linear = [&](const std::string& name, bool bias, size_t n, size_t k) {
        return load.LoadLinear(at + name + ".weight", bias ? at + name + ".bias" : std::string(), n, k, false);
      };
      Layer layer = {};
      layer.input_norm = load.LoadVector(at + "input_layernorm.weight", width);
      layer.post_norm = load.LoadVector(at + "post_attention_layernorm.weight", width);
      if (config_.qk_norm) {
        layer.q_norm = load.LoadVector(at + "self_attn.q_norm.weight", d);
        layer.k_norm = load.LoadVector(at + "self_attn.k_norm.weight", d);
      }
      layer.q_proj = linear("self_attn.q_proj", config_.qkv_bias, q_width, width);
      layer.k_proj = linear("self_attn.k_proj", config_.qkv_bias, kv_width, width);
      layer.v_proj = linear("self_attn.v_proj", config_.qkv_bias, kv_width, width);
      layer.o_proj = linear("self_attn.o_proj", config_.output_bias, width, q_width);
      const ExpertsConfig& experts = config_.experts;
      if (experts.experts > 0 && experts.in_layer[i]) {
        layer.experts = std::make_unique<Experts>(load, at + "mlp.", experts, width);
      } else {
        layer.gate_proj = linear("mlp.gate_proj", config_.mlp_bias, inner, width);
        layer.up_proj = linear("mlp.up_proj", config_.mlp_bias, inner, width);
        layer.down_proj = linear("mlp.down_proj", config_.mlp_bias, width, inner);
      }
      layers_.push_back(std::move(layer));
    }
    norm_ = load.LoadVector("norm.weight", width);
  }

  // x[rows][heads * d]: norm of each head (gain null: none), then its rotation.
  void NormAndRotate(const Context& context, size_t rows, size_t heads, const float* gain, const Rows& cosine,
                     const Rows& sine, const Rows& x) const {
    const size_t d = config_.head_dim;
    const int64_t stride = static_cast<int64_t>(d);
    const auto normalize = [&](size_t r) {
      if (gain == nullptr) return;
      const invar_rows_args norm = {heads, d, x.row(r), stride, gain, nullptr, epsilon_, x.row(r), stride};
      context.kernels.rms_norm(&norm);
    };
    const auto rotate = [&](size_t r) {
      const invar_rope_args rope = {1, heads, d, x.row(r), 0, stride, cosine.row(r), sine.row(r), 0};
      context.kernels.rope(&rope);
    };
    if (context.profile == nullptr) {
      context.team.For(rows, [&](size_t r) {
        normalize(r);
        rotate(r);
      });
      return;
    }
    // Apart, so that the time of each can be told.
    if (gain != nullptr) {
      const ProfileSpan span(context.profile, ProfiledKind::kNorm, "norm of heads");
      context.team.For(rows, normalize);
    }
    const ProfileSpan span(context.profile, ProfiledKind::kRope, "rope");
    context.team.For(rows, rotate);
  }

  void Run(const Context& context, Batch& batch, ForwardBuffers& buffers, float* logits,
           Observer* observer) const override {
    const size_t rows = batch.rows(), width = config_.hidden_size, inner = config_.intermediate_size;
    const size_t d = config_.head_dim, q_width = config_.heads * d, kv_width = config_.kv_heads * d;
    const Trace trace(observer, rows);
    const Rows h = RowsOf(buffers.hidden, rows, width), x = RowsOf(buffers.normed, rows, width);
    const Rows q = RowsOf(buffers.query, rows, q_width), k = RowsOf(buffers.key, rows, kv_width);
    const Rows v = RowsOf(buffers.value, rows, kv_width), attended = RowsOf(buffers.attended, rows, q_width);
    const Rows cosine = RowsOf(buffers.cosine, rows, d / 2), sine = RowsOf(buffers.sine, rows, d / 2);
    const RowsKernel rms_norm = context.kernels.rms_norm;

    {
      const ProfileSpan span(context.profile, ProfiledKind::kRope, "rope's tables");
      RotaryTables(context, rows, batch.positions.data(), frequencies_.size(), frequencies_.data(), attention_factor_,
                   cosine, sine);
    }
    {
      const ProfileSpan span(context.profile, ProfiledKind::kEmbedding, "embedding");
      context.team.For(rows, [&](size_t r) {
        const invar_embedding_args args = {width, tokens_.row(static_cast<size_t>(batch.ids[r])),
                                           tokens_.element_stride(), nullptr, h.row(r)};
        context.kernels.embedding[tokens_.type](&args);
      });
    }
    trace("embedding", -1, width, h);

    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const int index = static_cast<int>(i);
      const AttentionShape shape = {config_.heads, config_.kv_heads, d, scale_, config_.windows[i]};
      Normalize(context, "input_layernorm", rms_norm, rows, width, h, layer.input_norm, nullptr, epsilon_, x);
      trace("input_layernorm", index, width, x);
      ProjectAll(context, rows, x, {{"q_proj", layer.q_proj, q}, {"k_proj", layer.k_proj, k}, {"v_proj", layer.v_proj, v}});
      trace("self_attn.v_proj", index, kv_width, v);
      NormAndRotate(context, rows, config_.heads, layer.q_norm, cosine, sine, q);
      NormAndRotate(context, rows, config_.kv_heads, layer.k_norm, cosine, sine, k);
      trace(config_.qk_norm ? "rope(q_norm(q))" : "rope(q)", index, q_width, q);
      trace(config_.qk_norm ? "rope(k_norm(k))" : "rope(k)", index, kv_width, k);
      Attend(context, batch, i, shape, q, k, v, attended);
      trace("attention", index, q_width, attended);
      Project(context, "o_proj", layer.o_proj, rows, attended, h, INVAR_ACTIVATION_NONE, &h);
      trace("self_attn.o_proj", index, width, h);
      Normalize(context, "post_attention_layernorm", rms_norm, rows, width, h, layer.post_norm, nullptr, epsilon_, x);
      trace("post_attention_layernorm", index, width, x);
      if (layer.experts != nullptr) {
        layer.experts->Add(context, rows, x, buffers, h);
        trace("mlp.experts", index, width, h);
        continue;
      }
      // Experts have these buffers too, and may have let them grow.
      const Rows gate = RowsOf(buffers.gate, rows, inner), up = RowsOf(buffers.up, rows, inner);
      ProjectAll(context, rows, x, {{"gate_proj", layer.gate_proj, gate}, {"up_proj", layer.up_proj, up}});
      {
        const ProfileSpan span(context.profile, ProfiledKind::kActivation, "swiglu");
        MapRows(context, context.kernels.swiglu, rows, inner, gate, up, gate);
      }
      trace("mlp.swiglu", index, inner, gate);
      Project(context, "down_proj", layer.down_proj, rows, gate, h, INVAR_ACTIVATION_NONE, &h);
      trace("mlp.down_proj", index, width, h);
    }

    const Rows picked = PickRows(buffers.picked, batch.wanted, width, h);
    Normalize(context, "norm", rms_norm, batch.wanted.size(), width, picked, norm_, nullptr, epsilon_, picked);
    Project(context, "head", head_, batch.wanted.size(), picked, {logits, static_cast<int64_t>(config_.vocab_size)});
  }

  Arena arena_;
  EmbeddingTable tokens_;
  std::vector<Layer> layers_;
  const float* norm_ = nullptr;
  Linear head_;
  float epsilon_ = 0;
  float scale_ = 0;
  std::vector<float> frequencies_;
  float attention_factor_ = 1;
};

}  // namespace

std::unique_ptr<Model> LoadDecoder(ModelConfig config, const WeightSource& weights, ThreadPool& pool, bool plan,
                                   const PackedCache* cache) {
  return std::make_unique<Decoder>(std::move(config), weights, pool, plan, cache);
}

}  // namespace invar
