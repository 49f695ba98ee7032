#include "runtime/model/config.h"

#include <map>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar {
namespace {

constexpr size_t kLargestConfig = 16 << 20;
// Beyond any model there is; keeps every product of two sizes within 64 bits.
constexpr int64_t kLargestSize = 1 << 26;

size_t Size(const JsonFields& fields, const char* name, int64_t fallback) {
  if (fields.IsNull(name)) return static_cast<size_t>(fallback);
  return static_cast<size_t>(fields.Integer(name, 1, kLargestSize).value());
}

bool Flag(const JsonFields& fields, const char* name, bool fallback) {
  return fields.IsNull(name) ? fallback : fields.Bool(name).value();
}

double Epsilon(const JsonFields& fields, const char* name, double fallback) {
  return fields.IsNull(name) ? fallback : fields.Number(name, 0, 1).value();
}

Activation ActivationOf(const JsonFields& fields, const char* name, const char* fallback) {
  static const std::map<std::string, Activation> known = {
      {"gelu_new", Activation::kGeluTanh},   {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluTanh},  {"gelu", Activation::kGeluErf},
      {"quick_gelu", Activation::kQuickGelu}, {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},          {"relu", Activation::kRelu},
      {"tanh", Activation::kTanh}};
  const std::string value = fields.IsNull(name) ? fallback : fields.String(name).value();
  const auto found = known.find(value);
  if (found == known.end()) {
    std::string wanted = "one of";
    for (const auto& [key, activation] : known) wanted += " " + key;
    fields.Reject(name, wanted);
  }
  return found->second;
}

std::optional<double> OptionalNumber(const JsonFields& fields, const char* name) {
  if (fields.IsNull(name)) return std::nullopt;
  return fields.Number(name, -1e30, 1e30);
}

// rope_parameters (newer) or rope_scaling (older) beside rope_theta.
RopeParameters Rope(const JsonFields& fields, const ModelConfig& config, double default_theta) {
  RopeParameters rope;
  rope.dimension = static_cast<uint32_t>(config.head_dim);
  rope.max_position_embeddings = static_cast<double>(config.max_positions);
  rope.theta = fields.IsNull("rope_theta") ? default_theta : fields.Number("rope_theta", 1, 1e30).value();
  const char* section = !fields.IsNull("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (fields.IsNull(section)) return rope;
  const JsonFields scaling(*fields.Find(section), fields.where() + ": " + section);
  if (!scaling.IsNull("rope_theta")) rope.theta = scaling.Number("rope_theta", 1, 1e30).value();

  const char* kind_name = !scaling.IsNull("rope_type") ? "rope_type" : "type";
  const std::string kind = scaling.IsNull(kind_name) ? "default" : scaling.String(kind_name).value();
  if (kind == "default") return rope;
  if (kind == "linear") {
    rope.kind = RopeParameters::Kind::kLinear;
  } else if (kind == "yarn") {
    rope.kind = RopeParameters::Kind::kYarn;
  } else if (kind == "llama3") {
    rope.kind = RopeParameters::Kind::kLlama3;
  } else {
    scaling.Reject(kind_name, "default, linear, yarn or llama3 (others are not supported)");
  }
  if (scaling.IsNull("factor")) scaling.Reject("factor", "a number");
  rope.factor = scaling.Number("factor", 1e-6, 1e9).value();
  rope.original_max_position_embeddings = OptionalNumber(scaling, "original_max_position_embeddings");
  rope.beta_fast = OptionalNumber(scaling, "beta_fast");
  rope.beta_slow = OptionalNumber(scaling, "beta_slow");
  rope.truncate = Flag(scaling, "truncate", true);
  rope.attention_factor = OptionalNumber(scaling, "attention_factor");
  rope.mscale = OptionalNumber(scaling, "mscale");
  rope.mscale_all_dim = OptionalNumber(scaling, "mscale_all_dim");
  rope.low_freq_factor = OptionalNumber(scaling, "low_freq_factor").value_or(1.0);
  rope.high_freq_factor = OptionalNumber(scaling, "high_freq_factor").value_or(4.0);
  return rope;
}

void ReadGpt2(const JsonFields& f, ModelConfig& c) {
  c.architecture = Architecture::kGpt2;
  c.vocab_size = Size(f, "vocab_size", 50257);
  c.hidden_size = Size(f, "n_embd", 768);
  c.layers = Size(f, "n_layer", 12);
  c.heads = Size(f, "n_head", 12);
  c.kv_heads = c.heads;
  if (c.hidden_size % c.heads != 0) f.Reject("n_head", "a divisor of n_embd, " + std::to_string(c.hidden_size));
  c.head_dim = c.hidden_size / c.heads;
  c.intermediate_size = Size(f, "n_inner", static_cast<int64_t>(4 * c.hidden_size));
  c.max_positions = Size(f, "n_positions", 1024);
  c.norm_epsilon = Epsilon(f, "layer_norm_epsilon", 1e-5);
  c.activation = ActivationOf(f, "activation_function", "gelu_new");
  c.tie_word_embeddings = Flag(f, "tie_word_embeddings", true);
  c.scale_attn_weights = Flag(f, "scale_attn_weights", true);
  c.scale_attn_by_inverse_layer_idx = Flag(f, "scale_attn_by_inverse_layer_idx", false);
  if (Flag(f, "add_cross_attention", false)) f.Reject("add_cross_attention", "false (it is not supported)");
}

void ReadQwen3(const JsonFields& f, ModelConfig& c) {
  c.architecture = Architecture::kQwen3;
  c.vocab_size = Size(f, "vocab_size", 151936);
  c.hidden_size = Size(f, "hidden_size", 4096);
  c.layers = Size(f, "num_hidden_layers", 32);
  c.heads = Size(f, "num_attention_heads", 32);
  c.kv_heads = Size(f, "num_key_value_heads", f.Find("num_key_value_heads") ? static_cast<int64_t>(c.heads) : 32);
  if (c.heads % c.kv_heads != 0) {
    f.Reject("num_key_value_heads", "a divisor of num_attention_heads, " + std::to_string(c.heads));
  }
  c.head_dim = Size(f, "head_dim", 128);
  if (c.head_dim % 2 != 0) f.Reject("head_dim", "even, for rotary position embeddings");
  c.intermediate_size = Size(f, "intermediate_size", 22016);
  c.max_positions = Size(f, "max_position_embeddings", 32768);
  c.norm_epsilon = Epsilon(f, "rms_norm_eps", 1e-6);
  c.activation = ActivationOf(f, "hidden_act", "silu");
  if (c.activation != Activation::kSilu) f.Reject("hidden_act", "silu (others are not supported for this model type)");
  c.tie_word_embeddings = Flag(f, "tie_word_embeddings", false);
  c.attention_bias = Flag(f, "attention_bias", false);
  c.rope = Rope(f, c, 10000.0);
  if (const char* wrong = CheckRopeParameters(c.rope)) throw Error(f.where() + ": " + wrong);

  if (Flag(f, "use_sliding_window", false)) f.Reject("use_sliding_window", "false (sliding windows are not supported)");
  if (!f.IsNull("layer_types")) {
    for (const nlohmann::json& type : *f.Find("layer_types")) {
      if (type != "full_attention") f.Reject("layer_types", "full_attention throughout (others are not supported)");
    }
  }
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

ModelConfig ModelConfig::Load(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "config.json";
  const nlohmann::json json = ParseJsonFile(path, kLargestConfig);
  const JsonFields fields(json, path.string());
  ModelConfig config;
  if (fields.IsNull("model_type")) fields.Reject("model_type", "the name of a model family, such as gpt2 or qwen3");
  const std::string type = fields.String("model_type").value();
  if (type == "gpt2") {
    ReadGpt2(fields, config);
  } else if (type == "qwen3") {
    ReadQwen3(fields, config);
  } else {
    throw Error(path.string() + ": model_type " + Quoted(type) + " is not supported; gpt2 and qwen3 are");
  }
  config.eos_token_ids = TokenIds(fields, "eos_token_id");
  return config;
}

}  // namespace invar
