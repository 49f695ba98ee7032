// From GGUF's metadata to the fields of a config.json.
#include <set>

#include "runtime/base/decimal.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/model/gguf_model.h"

namespace invar {
namespace {

constexpr int64_t kLargest = 1 << 25;  // of a size, as for config.json
using Json = nlohmann::ordered_json;

struct GgufFamily {
  const char* architecture;
  const char* model_type;
  const char* class_name;
};
constexpr GgufFamily kGgufFamilies[] = {{"gpt2", "gpt2", "GPT2LMHeadModel"},     {"llama", "llama", "LlamaForCausalLM"},
                                {"qwen2", "qwen2", "Qwen2ForCausalLM"}, {"qwen3", "qwen3", "Qwen3ForCausalLM"},
                                {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM"}};

const GgufFamily& FamilyOf(const GgufFile& file) {
  const std::optional<std::string_view> name = file.String("general.architecture");
  std::string known;
  for (const GgufFamily& family : kGgufFamilies) {
    if (name == family.architecture) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.architecture);
  }
  file.Reject("general.architecture", "one of " + known + " (others are not supported)");
}

// The keys of the model's own architecture, and which of them were asked for.
class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture) : file_(file), prefix_(std::move(architecture) + ".") {}

  std::optional<int64_t> Integer(const char* name, int64_t min = 1, int64_t max = kLargest) {
    return file_.Integer(Asked(name), min, max);
  }
  int64_t Required(const char* name) {
    const std::optional<int64_t> value = Integer(name);
    if (!value) Reject(name, "there");
    return *value;
  }
  std::optional<double> Number(const char* name) {
    const std::optional<float> value = file_.Float(Asked(name));
    return value ? std::optional<double>(ConfigDecimal(*value)) : std::nullopt;
  }
  std::optional<bool> Bool(const char* name) { return file_.Bool(Asked(name)); }
  std::optional<std::string_view> String(const char* name) { return file_.String(Asked(name)); }
  std::vector<bool> Bools(const char* name) { return file_.Bools(Asked(name)); }
  bool Has(const char* name) { return file_.Find(Asked(name)) != nullptr; }
  // Nothing of the forward pass depends on it.
  void Ignore(const char* name) { Asked(name); }
  [[noreturn]] void Reject(const char* name, const std::string& wanted) { file_.Reject(prefix_ + name, wanted); }

  // A key that nothing asked for may be a part of the model.
  void RefuseOthers() const {
    for (const GgufFile::Entry& entry : file_.metadata()) {
      if (!entry.key.starts_with(prefix_) || asked_.contains(std::string(entry.key))) continue;
      throw Error(file_.source() + " sets " + Quoted(entry.key) + ", which is not supported for this architecture; the model would " +
                  "not be computed as it was made");
    }
  }

 private:
  std::string Asked(const char* name) {
    std::string key = prefix_ + name;
    asked_.insert(key);
    return key;
  }

  const GgufFile& file_;
  std::string prefix_;
  std::set<std::string> asked_;
};

uint64_t RowsOf(const GgufFile& file, const char* name) {
  const GgufTensor* tensor = file.FindTensor(name);
  if (tensor == nullptr || tensor->shape.size() != 2) {
    throw Error(file.source() + " has no matrix " + Quoted(name) + "; it is incomplete, or holds a vocabulary alone");
  }
  return tensor->shape[0];
}

// Each block has tensors, so a count that lies is noticed before memory is asked for.
int64_t Blocks(const GgufFile& file, Keys& keys) {
  const int64_t blocks = keys.Required("block_count");
  if (static_cast<uint64_t>(blocks) > file.tensors().size()) {
    keys.Reject("block_count", "at most the number of tensors, " + std::to_string(file.tensors().size()));
  }
  return blocks;
}

bool HasBlock(const GgufFile& file, int64_t layer, const char* name) {
  return file.FindTensor("blk." + std::to_string(layer) + "." + name) != nullptr;
}

void Gpt2Fields(const GgufFile& file, Keys& keys, Json& config) {
  config["n_embd"] = keys.Required("embedding_length");
  config["n_layer"] = Blocks(file, keys);
  config["n_head"] = keys.Required("attention.head_count");
  config["n_positions"] = keys.Required("context_length");
  config["n_inner"] = keys.Required("feed_forward_length");
  const std::optional<double> epsilon = keys.Number("attention.layer_norm_epsilon");
  if (!epsilon) keys.Reject("attention.layer_norm_epsilon", "there");
  config["layer_norm_epsilon"] = *epsilon;
  config["activation_function"] = "gelu_new";
  if (file.FindTensor("position_embd.weight") == nullptr) RowsOf(file, "position_embd.weight");
}

// rope_scaling, or null.
Json Scaling(const GgufFile& file, Keys& keys, double theta, int64_t head_dim) {
  const std::string type(keys.String("rope.scaling.type").value_or("none"));
  const std::optional<double> factor = keys.Number("rope.scaling.factor");
  const std::optional<int64_t> original = keys.Integer("rope.scaling.original_context_length");
  keys.Ignore("rope.scaling.finetuned");
  Json scaling;
  const GgufTensor* factors = file.FindTensor("rope_freqs.weight");
  if (factors != nullptr) {
    if (factors->dtype != DType::kF32 || factors->shape != std::vector<uint64_t>{static_cast<uint64_t>(head_dim / 2)}) {
      throw Error("tensor 'rope_freqs.weight' of " + file.source() + " must be F32 of the shape [" + std::to_string(head_dim / 2) +
                  "], but it is " + factors->type_name + " of " + ShapeText(factors->shape));
    }
    std::vector<float> values(static_cast<size_t>(head_dim / 2));
    file.ViewOf(*factors).CopyTo(values.data());
    bool plain = true;
    for (const float value : values) plain = plain && value == 1.0f;
    if (plain) return scaling;
    if (type != "none") keys.Reject("rope.scaling.type", "none beside a tensor rope_freqs.weight");
    const std::optional<Json> llama3 = Llama3Scaling(values, theta);
    if (!llama3) {
      throw Error("tensor 'rope_freqs.weight' of " + file.source() + " holds factors that no published parameters of llama3's rope " +
                  "scaling give, so the exact frequencies cannot be known; use the checkpoint's safetensors");
    }
    return *llama3;
  }
  if (type == "none") return scaling;
  if (type != "linear" && type != "yarn") keys.Reject("rope.scaling.type", "none, linear or yarn (others are not supported)");
  if (!factor) keys.Reject("rope.scaling.factor", "there");
  scaling["rope_type"] = type;
  scaling["factor"] = *factor;
  if (type == "linear") return scaling;
  if (original) scaling["original_max_position_embeddings"] = *original;
  for (const auto& [key, field] : {std::pair{"rope.scaling.yarn_beta_fast", "beta_fast"}, std::pair{"rope.scaling.yarn_beta_slow", "beta_slow"},
                                   std::pair{"rope.scaling.yarn_attn_factor", "attention_factor"},
                                   std::pair{"rope.scaling.attn_factor", "attention_factor"}}) {
    if (const std::optional<double> value = keys.Number(key)) scaling[field] = *value;
  }
  if (const std::optional<double> ext = keys.Number("rope.scaling.yarn_ext_factor"); ext && *ext != 1) {
    keys.Reject("rope.scaling.yarn_ext_factor", "1");
  }
  return scaling;
}

void ExpertFields(const GgufFile& file, Keys& keys, int64_t layers, Json& config) {
  config["num_experts"] = keys.Required("expert_count");
  config["num_experts_per_tok"] = keys.Required("expert_used_count");
  config["moe_intermediate_size"] = keys.Required("expert_feed_forward_length");
  // Files say nothing about it where weights are normalised: llama.cpp takes that for granted of this architecture.
  config["norm_topk_prob"] = keys.Bool("expert_weights_norm").value_or(true);
  if (keys.Integer("expert_gating_func", 0, 100).value_or(1) != 1) keys.Reject("expert_gating_func", "1, softmax");
  if (const std::optional<double> scale = keys.Number("expert_weights_scale"); scale && *scale != 1 && *scale != 0) {
    keys.Reject("expert_weights_scale", "1");
  }
  keys.Ignore("leading_dense_block_count");  // which layers are dense is seen from their tensors
  keys.Ignore("interleave_moe_layer_step");
  Json dense = Json::array();
  for (int64_t i = 0; i < layers; ++i) {
    if (!HasBlock(file, i, "ffn_gate_inp.weight")) dense.push_back(i);
  }
  config["decoder_sparse_step"] = 1;
  config["mlp_only_layers"] = dense;
}

void DecoderFields(const GgufFile& file, Keys& keys, const std::string& type, Json& config) {
  const int64_t width = keys.Required("embedding_length"), layers = Blocks(file, keys);
  const int64_t heads = keys.Required("attention.head_count");
  const int64_t head_dim = keys.Integer("attention.key_length").value_or(std::max<int64_t>(1, width / heads));
  config["hidden_size"] = width;
  config["num_hidden_layers"] = layers;
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = keys.Integer("attention.head_count_kv").value_or(heads);
  config["head_dim"] = head_dim;
  if (keys.Integer("attention.value_length").value_or(head_dim) != head_dim) {
    keys.Reject("attention.value_length", "attention.key_length, " + std::to_string(head_dim));
  }
  if (keys.Integer("rope.dimension_count").value_or(head_dim) != head_dim) {
    keys.Reject("rope.dimension_count", "attention.key_length, " + std::to_string(head_dim) + " (others are not supported)");
  }
  // A mixture's files may leave out the width of its dense layers, where it has none.
  const std::optional<int64_t> inner = keys.Integer("feed_forward_length", 0);
  if (!inner && type != "qwen3_moe") keys.Reject("feed_forward_length", "there");
  if (inner.value_or(0) > 0) config["intermediate_size"] = *inner;
  config["max_position_embeddings"] = keys.Required("context_length");
  const std::optional<double> epsilon = keys.Number("attention.layer_norm_rms_epsilon");
  if (!epsilon) keys.Reject("attention.layer_norm_rms_epsilon", "there");
  config["rms_norm_eps"] = *epsilon;
  config["hidden_act"] = "silu";
  config["rope_theta"] = keys.Number("rope.freq_base").value_or(10000.0);
  const Json scaling = Scaling(file, keys, config["rope_theta"].get<double>(), head_dim);
  if (!scaling.is_null()) config["rope_scaling"] = scaling;
  if (type == "qwen3_moe") {
    ExpertFields(file, keys, layers, config);
  } else if (keys.Integer("expert_count", 0).value_or(0) != 0) {
    keys.Reject("expert_count", "0 (a mixture of experts is not supported for this architecture)");
  }
  keys.Ignore("expert_used_count");
  if (type == "llama") config["mlp_bias"] = HasBlock(file, 0, "ffn_gate.bias");
  if (type != "qwen2") config["attention_bias"] = HasBlock(file, 0, "attn_q.bias");

  const std::optional<int64_t> window = keys.Integer("attention.sliding_window", 0);
  const std::vector<bool> pattern = keys.Has("attention.sliding_window_pattern") ? keys.Bools("attention.sliding_window_pattern")
                                                                                  : std::vector<bool>();
  if (window.value_or(0) == 0) return;
  config["sliding_window"] = *window;
  if (type == "llama") {
    // Of this architecture, Mistral's models are those with a window, in every layer.
    if (!pattern.empty()) keys.Reject("attention.sliding_window_pattern", "left out: Mistral's window is in every layer");
    if (config["attention_bias"] == true || config["mlp_bias"] == true) keys.Reject("attention.sliding_window", "left out where there are biases");
    config["model_type"] = "mistral";
    config["architectures"] = Json::array({"MistralForCausalLM"});
    config.erase("attention_bias");
    config.erase("mlp_bias");
    return;
  }
  if (pattern.size() != static_cast<size_t>(layers)) {
    keys.Reject("attention.sliding_window_pattern", "an array of a bool for each layer, as sliding_window is set");
  }
  config["use_sliding_window"] = true;
  for (const bool sliding : pattern) config["layer_types"].push_back(sliding ? "sliding_attention" : "full_attention");
}

}  // namespace

double ConfigDecimal(float value) { return ParseDecimal(ShortestDecimal(value)); }

std::string GgufModelType(const GgufFile& file) { return FamilyOf(file).model_type; }

nlohmann::ordered_json GgufConfig(const GgufFile& file) {
  const GgufFamily& family = FamilyOf(file);
  Keys keys(file, family.architecture);
  Json config;
  config["architectures"] = Json::array({family.class_name});
  config["model_type"] = family.model_type;
  const uint64_t vocabulary = RowsOf(file, "token_embd.weight");
  if (vocabulary > static_cast<uint64_t>(kLargest)) throw Error(file.source() + " has too large a vocabulary; it is damaged");
  config["vocab_size"] = vocabulary;
  if (keys.Integer("vocab_size").value_or(static_cast<int64_t>(vocabulary)) != static_cast<int64_t>(vocabulary)) {
    keys.Reject("vocab_size", "the number of rows of token_embd.weight, " + std::to_string(vocabulary));
  }
  if (family.model_type == std::string("gpt2")) {
    Gpt2Fields(file, keys, config);
  } else {
    DecoderFields(file, keys, family.model_type, config);
  }
  config["tie_word_embeddings"] = file.FindTensor("output.weight") == nullptr;
  if (keys.Bool("attention.causal").value_or(true) == false) keys.Reject("attention.causal", "true");
  for (const char* name : {"tensor_data_layout", "pooling_type", "rope.dimension_count"}) keys.Ignore(name);
  keys.RefuseOthers();
  for (const auto& [key, field] : {std::pair{"tokenizer.ggml.bos_token_id", "bos_token_id"}, std::pair{"tokenizer.ggml.padding_token_id", "pad_token_id"}}) {
    if (const std::optional<int64_t> id = file.Integer(key, 0, INT32_MAX)) config[field] = *id;
  }
  // A turn's end ends a text, too: chat models' generation_config.json lists both.
  std::vector<int64_t> ends;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    const std::optional<int64_t> id = file.Integer(key, 0, INT32_MAX);
    if (id && (ends.empty() || ends[0] != *id)) ends.push_back(*id);
  }
  if (ends.size() == 1) config["eos_token_id"] = ends[0];
  if (ends.size() > 1) config["eos_token_id"] = ends;
  return config;
}

}  // namespace invar
