#include "bench/random_model.h"

#include <algorithm>
#include <map>

#include "bench/kernel_calls.h"
#include "runtime/base/error.h"
#include "runtime/model/architectures.h"
#include "runtime/weights/tensor.h"

namespace invar::bench {
namespace {

// Every tensor of a checkpoint, all of them views of one buffer no larger than the largest needs.
class RandomWeights final : public invar::WeightSource {
 public:
  RandomWeights(const ModelConfig& config, DType dtype) : dtype_(dtype) {
    if (config.architecture == Architecture::kGpt2) {
      AddGpt2(config);
    } else {
      AddDecoder(config);
    }
    uint64_t most = 0;
    for (const auto& [name, tensor] : tensors_) most = std::max(most, tensor.bytes);
    // Tensors of a kind differ, each beginning at a place of its own.
    constexpr uint64_t kStep = 4096;
    random_.resize((most + kStep * tensors_.size()) / 2);
    FillWeights(random_.data(), random_.size());
    ones_.assign(config.hidden_size * 2, 0);
    for (size_t i = 0; i < ones_.size(); ++i) ones_[i] = dtype == DType::kBF16 || i % 2 != 0 ? 0x3F80 : 0;
    uint64_t at = 0;
    for (auto& [name, tensor] : tensors_) {
      const bool gain = tensor.shape.size() == 1 && name.ends_with("weight");
      tensor.data = gain ? reinterpret_cast<const std::byte*>(ones_.data())
                         : reinterpret_cast<const std::byte*>(random_.data()) + at;
      if (!gain) at += kStep;
      names_.push_back(name);
    }
  }

  const TensorView* Find(std::string_view name) const override {
    const auto found = tensors_.find(std::string(name));
    return found == tensors_.end() ? nullptr : &found->second;
  }
  const std::vector<std::string>& names() const override { return names_; }
  std::string where() const override { return "random weights"; }

 private:
  void Add(const std::string& name, std::vector<uint64_t> shape) {
    TensorView& tensor = tensors_[name];
    tensor.name = name;
    tensor.dtype = dtype_;
    tensor.shape = std::move(shape);
    if (!TensorBytes(tensor.shape, dtype_, &tensor.bytes)) throw Error("a random model's tensor is too large");
  }

  void AddGpt2(const ModelConfig& c) {
    const uint64_t width = c.hidden_size, inner = c.intermediate_size;
    Add("transformer.wte.weight", {c.vocab_size, width});
    Add("transformer.wpe.weight", {c.max_positions, width});
    const auto norm = [&](const std::string& name) {
      Add(name + ".weight", {width});
      Add(name + ".bias", {width});
    };
    const auto projection = [&](const std::string& name, uint64_t k, uint64_t n) {
      Add(name + ".weight", {k, n});
      Add(name + ".bias", {n});
    };
    for (size_t i = 0; i < c.layers; ++i) {
      const std::string at = "transformer.h." + std::to_string(i) + ".";
      norm(at + "ln_1");
      norm(at + "ln_2");
      projection(at + "attn.c_attn", width, 3 * width);
      projection(at + "attn.c_proj", width, width);
      projection(at + "mlp.c_fc", width, inner);
      projection(at + "mlp.c_proj", inner, width);
    }
    norm("transformer.ln_f");
  }

  void AddDecoder(const ModelConfig& c) {
    const uint64_t width = c.hidden_size, inner = c.intermediate_size;
    const uint64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
    Add("model.embed_tokens.weight", {c.vocab_size, width});
    for (size_t i = 0; i < c.layers; ++i) {
      const std::string at = "model.layers." + std::to_string(i) + ".";
      Add(at + "input_layernorm.weight", {width});
      Add(at + "post_attention_layernorm.weight", {width});
      Add(at + "self_attn.q_norm.weight", {c.head_dim});
      Add(at + "self_attn.k_norm.weight", {c.head_dim});
      Add(at + "self_attn.q_proj.weight", {q, width});
      Add(at + "self_attn.k_proj.weight", {kv, width});
      Add(at + "self_attn.v_proj.weight", {kv, width});
      Add(at + "self_attn.o_proj.weight", {width, q});
      Add(at + "mlp.gate_proj.weight", {inner, width});
      Add(at + "mlp.up_proj.weight", {inner, width});
      Add(at + "mlp.down_proj.weight", {width, inner});
    }
    Add("model.norm.weight", {width});
  }

  DType dtype_;
  std::map<std::string, TensorView> tensors_;
  std::vector<std::string> names_;
  std::vector<uint16_t> random_, ones_;
};

ModelConfig Gpt2Of(size_t width, size_t layers, size_t heads, size_t vocabulary) {
  const nlohmann::json json = {{"model_type", "gpt2"}, {"architectures", {"GPT2LMHeadModel"}}, {"vocab_size", vocabulary},
                               {"n_embd", width},      {"n_layer", layers},                    {"n_head", heads},
                               {"n_positions", 1024},  {"activation_function", "gelu_new"},
                               {"layer_norm_epsilon", 1e-5}};
  return ModelConfig::FromJson(json, "a random model's config");
}

}  // namespace

ModelConfig Gpt2Small() { return Gpt2Of(768, 12, 12, 50257); }

ModelConfig Gpt2Sized(size_t width, size_t layers) { return Gpt2Of(width, layers, width / 64, 8192); }

ModelConfig Qwen3Small() {
  const nlohmann::json json = {{"model_type", "qwen3"},
                               {"architectures", {"Qwen3ForCausalLM"}},
                               {"vocab_size", 151936},
                               {"hidden_size", 1024},
                               {"intermediate_size", 3072},
                               {"num_hidden_layers", 28},
                               {"num_attention_heads", 16},
                               {"num_key_value_heads", 8},
                               {"head_dim", 128},
                               {"hidden_act", "silu"},
                               {"max_position_embeddings", 40960},
                               {"rms_norm_eps", 1e-6},
                               {"rope_theta", 1000000},
                               {"attention_bias", false},
                               {"use_sliding_window", false},
                               {"tie_word_embeddings", true}};
  return ModelConfig::FromJson(json, "a random model's config");
}

std::unique_ptr<Model> MakeRandomModel(const ModelConfig& config, DType dtype, ThreadPool& pool) {
  const RandomWeights weights(config, dtype);
  return config.architecture == Architecture::kGpt2 ? LoadGpt2(config, weights, pool, false)
                                                    : LoadDecoder(config, weights, pool, false);
}

}  // namespace invar::bench
