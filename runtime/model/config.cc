#include "runtime/model/config.h"

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/model/config_fields.h"
#include "runtime/model/gguf_model.h"

namespace invar {
namespace {

constexpr size_t kLargestConfig = 16 << 20;

// GPT-2's own name of a field, or the one that other families have and Hugging Face's class takes for it.
const char* Named(const JsonFields& f, const char* own, const char* common) {
  return f.IsNull(own) && !f.IsNull(common) ? common : own;
}

void ReadGpt2(const JsonFields& f, ModelConfig& c) {
  c.architecture = Architecture::kGpt2;
  c.vocab_size = Size(f, "vocab_size", 50257);
  c.hidden_size = Size(f, Named(f, "n_embd", "hidden_size"), 768);
  c.layers = Count(f, Named(f, "n_layer", "num_hidden_layers"), 12);
  const char* heads = Named(f, "n_head", "num_attention_heads");
  c.heads = Size(f, heads, 12);
  c.kv_heads = c.heads;
  if (c.hidden_size % c.heads != 0) RejectSize(f, heads, c.heads, "a divisor of the width, " + std::to_string(c.hidden_size));
  c.head_dim = c.hidden_size / c.heads;
  c.intermediate_size = Size(f, "n_inner", static_cast<int64_t>(4 * c.hidden_size));
  c.max_positions = Size(f, Named(f, "n_positions", "max_position_embeddings"), 1024);
  c.norm_epsilon = Epsilon(f, "layer_norm_epsilon", 1e-5);
  c.activation = ActivationOf(f, "activation_function", "gelu_new");
  c.tie_word_embeddings = Flag(f, "tie_word_embeddings", true);
  c.scale_attn_weights = Flag(f, "scale_attn_weights", true);
  c.scale_attn_by_inverse_layer_idx = Flag(f, "scale_attn_by_inverse_layer_idx", false);
  // reorder_and_upcast_attn asks half-precision arithmetic for a safer order; here everything is binary32 in the contract's
  // own order, so it is read and changes nothing.
  Flag(f, "reorder_and_upcast_attn", false);
  if (Flag(f, "add_cross_attention", false)) f.Reject("add_cross_attention", "false (it is not supported)");
}

}  // namespace

std::vector<int32_t> TokenIds(const JsonFields& fields, const char* name) {
  std::vector<int32_t> ids;
  if (fields.IsNull(name)) return ids;
  const nlohmann::json& value = *fields.Find(name);
  if (!value.is_array()) {
    ids.push_back(static_cast<int32_t>(fields.Integer(name, 0, INT32_MAX).value()));
    return ids;
  }
  for (const nlohmann::json& id : value) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) fields.Reject(name, "a token id or a list of them");
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

ModelConfig ModelConfig::Load(const std::filesystem::path& path) {
  if (const std::optional<std::filesystem::path> gguf = GgufPath(path)) {
    return FromJson(GgufConfig(GgufFile::Open(*gguf)), "the config of " + gguf->string());
  }
  const std::filesystem::path file = path / "config.json";
  return Parse(ReadWholeFile(file, kLargestConfig), file.string());
}

ModelConfig ModelConfig::Parse(std::string_view text, const std::string& source) {
  return FromJson(ParseJson(text, source), source);
}

ModelConfig ModelConfig::FromJson(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  ModelConfig config;
  if (!fields.IsNull("quantization_config")) {
    const JsonFields quantized = fields.Child("quantization_config");
    const std::string method = quantized.IsNull("quant_method") ? "an unnamed method" : Quoted(quantized.String("quant_method").value());
    throw Error(where + ": the weights are quantised (quantization_config: " + method +
                "), which is not supported; use a checkpoint stored as F32, F16 or BF16");
  }
  if (fields.IsNull("model_type")) fields.Reject("model_type", "the name of a model family, such as gpt2 or qwen3");
  config.model_type = fields.String("model_type").value();
  if (config.model_type == "gpt2") {
    ReadGpt2(fields, config);
  } else if (!ReadDecoder(config.model_type, fields, config)) {
    throw Error(where + ": model_type " + Quoted(config.model_type) + " is not supported; gpt2, " + DecoderTypes() + " are");
  }
  config.eos_token_ids = TokenIds(fields, "eos_token_id");
  config.ignored_fields = fields.Unasked();
  return config;
}

}  // namespace invar
