// The families that share a decoder block: which config class gives which defaults, and which switches it sets.
#include <algorithm>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/config_fields.h"

namespace invar {
namespace {

constexpr size_t kLargestHead = 1 << 14;

enum class Sliding { kNever, kWhereUsed, kAlways };

struct Family {
  const char* type;
  int64_t vocab_size, hidden_size, layers, heads, kv_heads, head_dim, intermediate_size, positions;
  bool qk_norm, qkv_bias;  // qkv_bias: without a field of the config
  Sliding sliding;
};
// head_dim 0: hidden_size / heads. kv_heads 0: as many as heads.
constexpr Family kFamilies[] = {
    {"qwen3", 151936, 4096, 32, 32, 32, 128, 22016, 32768, true, false, Sliding::kWhereUsed},
    {"qwen3_moe", 151936, 2048, 24, 32, 4, 0, 6144, 32768, true, false, Sliding::kWhereUsed},
    {"qwen2", 151936, 4096, 32, 32, 32, 0, 22016, 32768, false, true, Sliding::kWhereUsed},
    {"llama", 32000, 4096, 32, 32, 0, 0, 11008, 2048, false, false, Sliding::kNever},
    {"mistral", 32000, 4096, 32, 32, 8, 0, 14336, 131072, false, false, Sliding::kAlways},
};

std::vector<double> Factors(const JsonFields& scaling, const char* name) {
  std::vector<double> factors;
  const nlohmann::json* list = scaling.Find(name);
  if (list == nullptr || !list->is_array()) scaling.Reject(name, "a list of numbers");
  for (const nlohmann::json& f : *list) {
    if (!f.is_number()) scaling.Reject(name, "a list of numbers");
    factors.push_back(f.get<double>());
  }
  return factors;
}

// The parameters as the newer rope_parameters or the older rope_scaling beside rope_theta give them; where a config has both,
// Hugging Face reads the older. An empty object says as little as null.
const char* RopeSection(const JsonFields& fields) {
  for (const char* section : {"rope_scaling", "rope_parameters"}) {
    if (fields.IsNull(section)) continue;
    const nlohmann::json& value = *fields.Find(section);
    if (!value.is_object() || !value.empty()) return section;
  }
  return nullptr;
}

void RefusePartialRotation(const JsonFields& fields) {
  if (const auto part = OptionalNumber(fields, "partial_rotary_factor"); part && *part != 1) {
    fields.Reject("partial_rotary_factor", "1 (others are not supported)");
  }
}

// A kind whose frequencies depend on the current length bounds config.max_positions (contract, section 3, "rope's
// frequencies").
RopeParameters Rope(const JsonFields& fields, ModelConfig& config, double default_theta) {
  RopeParameters rope;
  rope.dimension = static_cast<uint32_t>(config.head_dim);
  rope.max_position_embeddings = static_cast<double>(config.max_positions);
  rope.theta = fields.IsNull("rope_theta") ? default_theta : fields.Number("rope_theta", 1, 1e30).value();
  RefusePartialRotation(fields);
  const char* section = RopeSection(fields);
  if (section == nullptr) return rope;
  const JsonFields scaling = fields.Child(section);
  for (const char* layer : {"full_attention", "sliding_attention"}) {
    // Read as one set, such a config would silently lose all of them.
    if (scaling.Find(layer) != nullptr) scaling.Reject(layer, "left out: layers that differ in rotary embeddings are not supported");
  }
  RefusePartialRotation(scaling);
  if (!scaling.IsNull("rope_theta")) rope.theta = scaling.Number("rope_theta", 1, 1e30).value();

  const char* kind_name = !scaling.IsNull("rope_type") ? "rope_type" : "type";
  const std::string kind = scaling.IsNull(kind_name) ? "default" : scaling.String(kind_name).value();
  // A config that has it beside the parameters means that one, as Hugging Face reads it.
  rope.original_max_position_embeddings = OptionalNumber(fields, "original_max_position_embeddings");
  if (!rope.original_max_position_embeddings) {
    rope.original_max_position_embeddings = OptionalNumber(scaling, "original_max_position_embeddings");
  }
  if (kind == "default") return rope;
  if (kind == "linear") {
    rope.kind = RopeParameters::Kind::kLinear;
  } else if (kind == "yarn") {
    rope.kind = RopeParameters::Kind::kYarn;
  } else if (kind == "llama3") {
    rope.kind = RopeParameters::Kind::kLlama3;
  } else if (kind == "dynamic" || kind == "longrope" || kind == "su") {
    rope.kind = kind == "dynamic" ? RopeParameters::Kind::kDynamic : RopeParameters::Kind::kLongrope;
    const double original = rope.original_max_position_embeddings.value_or(rope.max_position_embeddings);
    if (!(original >= 1)) scaling.Reject("original_max_position_embeddings", "at least 1");
    if (rope.kind == RopeParameters::Kind::kLongrope) {
      rope.short_factor = Factors(scaling, "short_factor");
      rope.attention_factor = OptionalNumber(scaling, "attention_factor");
      // The contract takes the ratio of the lengths; newer versions of Hugging Face's class take the field.
      const auto factor = OptionalNumber(scaling, "factor");
      if (factor && !rope.attention_factor && *factor != rope.max_position_embeddings / original) {
        scaling.Reject("factor", "max_position_embeddings / original_max_position_embeddings, or left out beside an attention_factor");
      }
    }
    if (original < static_cast<double>(config.max_positions)) config.max_positions = static_cast<size_t>(original);
    config.positions_reason = "the frequencies of rope_type " + kind + " depend on the text's length beyond them";
    return rope;
  } else {
    scaling.Reject(kind_name, "default, linear, yarn, llama3, dynamic or longrope (others are not supported)");
  }
  if (scaling.IsNull("factor")) scaling.Reject("factor", "a number");
  rope.factor = scaling.Number("factor", 1e-6, 1e9).value();
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

// What each layer's queries see. Mistral's window is on unless its field is null; Qwen's is on where use_sliding_window is.
std::vector<size_t> Windows(const JsonFields& f, const ModelConfig& c, const Family& family) {
  std::vector<size_t> windows(c.layers, 0);
  bool on = family.sliding == Sliding::kAlways || (family.sliding == Sliding::kWhereUsed && Flag(f, "use_sliding_window", false));
  if (f.Find("sliding_window") != nullptr && f.IsNull("sliding_window")) on = false;
  const size_t window = on ? Size(f, "sliding_window", 4096) : 0;
  // A mixture of experts has its window in every layer; the dense ones from max_window_layers on.
  const bool every = family.sliding == Sliding::kAlways || std::string(family.type) == "qwen3_moe";
  if (!f.IsNull("layer_types")) {
    const nlohmann::json& types = *f.Find("layer_types");
    if (!types.is_array() || types.size() != c.layers) f.Reject("layer_types", "a list of length " + std::to_string(c.layers) + ", one for each layer");
    for (size_t i = 0; i < c.layers; ++i) {
      if (types[i] == "sliding_attention") {
        if (!on) f.Reject("layer_types", "full_attention throughout, as no sliding window is configured");
        windows[i] = window;
      } else if (types[i] != "full_attention") {
        f.Reject("layer_types", "full_attention and sliding_attention (others are not supported)");
      } else if (on && every) {
        // Hugging Face's class does not read the field, so nothing says which of the two is meant.
        f.Reject("layer_types", "sliding_attention throughout, as sliding_window is set for a model type whose layers all have it");
      }
    }
    return windows;
  }
  const size_t first = every ? 0 : static_cast<size_t>(f.IsNull("max_window_layers") ? 28 : f.Integer("max_window_layers", 0, 1 << 26).value());
  for (size_t i = first; i < c.layers; ++i) windows[i] = window;
  return windows;
}

ExpertsConfig Experts(const JsonFields& f, const ModelConfig& c) {
  ExpertsConfig e;
  // The older and the newer name.
  e.experts = Count(f, !f.IsNull("num_experts") ? "num_experts" : "num_local_experts", 128);
  e.per_token = Size(f, "num_experts_per_tok", 8);
  e.intermediate_size = Size(f, "moe_intermediate_size", 768);
  e.normalize = Flag(f, "norm_topk_prob", false);
  if (e.per_token > e.experts) RejectSize(f, "num_experts_per_tok", e.per_token, "at most num_experts, " + std::to_string(e.experts));
  // The weighted sum over a token's experts is one chain (contract, section 3), one leaf of at most 256 terms.
  if (e.per_token > 256) f.Reject("num_experts_per_tok", "at most 256");
  const size_t step = Size(f, "decoder_sparse_step", 1);
  for (size_t i = 0; i < c.layers; ++i) e.in_layer.push_back((i + 1) % step == 0);
  if (!f.IsNull("mlp_only_layers")) {
    const nlohmann::json& dense = *f.Find("mlp_only_layers");
    if (!dense.is_array()) f.Reject("mlp_only_layers", "a list of layers");
    for (const nlohmann::json& i : dense) {
      if (!i.is_number_integer() || i < 0) f.Reject("mlp_only_layers", "a list of layers");
      if (i.get<uint64_t>() < c.layers) e.in_layer[i.get<size_t>()] = false;
    }
  }
  return e;
}

}  // namespace

bool ReadDecoder(const std::string& type, const JsonFields& f, ModelConfig& c) {
  const auto family = std::find_if(std::begin(kFamilies), std::end(kFamilies), [&](const Family& k) { return type == k.type; });
  if (family == std::end(kFamilies)) return false;
  c.architecture = Architecture::kDecoder;
  c.vocab_size = Size(f, "vocab_size", family->vocab_size);
  c.hidden_size = Size(f, "hidden_size", family->hidden_size);
  c.layers = Count(f, "num_hidden_layers", family->layers);
  c.heads = Size(f, "num_attention_heads", family->heads);
  const bool as_many = family->kv_heads == 0 || f.Find("num_key_value_heads") != nullptr;  // null says so too
  c.kv_heads = Size(f, "num_key_value_heads", as_many ? static_cast<int64_t>(c.heads) : family->kv_heads);
  if (c.heads % c.kv_heads != 0) {
    RejectSize(f, "num_key_value_heads", c.kv_heads, "a divisor of num_attention_heads, " + std::to_string(c.heads));
  }
  if (family->head_dim == 0 && f.IsNull("head_dim") && c.hidden_size % c.heads != 0) {
    RejectSize(f, "num_attention_heads", c.heads, "a divisor of hidden_size, " + std::to_string(c.hidden_size));
  }
  c.head_dim = Size(f, "head_dim", family->head_dim != 0 ? family->head_dim : static_cast<int64_t>(c.hidden_size / c.heads));
  if (c.heads * c.head_dim > static_cast<size_t>(kLargestSize)) {
    RejectSize(f, "num_attention_heads", c.heads, "at most " + std::to_string(kLargestSize) + " / head_dim, " + std::to_string(c.head_dim));
  }
  // Each pair of a head costs a frequency worked out exactly.
  if (c.head_dim > kLargestHead) RejectSize(f, "head_dim", c.head_dim, "at most " + std::to_string(kLargestHead));
  if (c.head_dim % 2 != 0) RejectSize(f, "head_dim", c.head_dim, "even, for rotary position embeddings");
  c.intermediate_size = Size(f, "intermediate_size", family->intermediate_size);
  c.max_positions = Size(f, "max_position_embeddings", family->positions);
  c.norm_epsilon = Epsilon(f, "rms_norm_eps", 1e-6);
  c.activation = ActivationOf(f, "hidden_act", "silu");
  if (c.activation != Activation::kSilu) f.Reject("hidden_act", "silu (others are not supported for this model type)");
  c.tie_word_embeddings = Flag(f, "tie_word_embeddings", false);
  c.qk_norm = family->qk_norm;
  const bool attention_bias = !family->qkv_bias && type != "mistral" && Flag(f, "attention_bias", false);
  c.qkv_bias = family->qkv_bias || attention_bias;
  c.output_bias = attention_bias;
  c.mlp_bias = type == "llama" && Flag(f, "mlp_bias", false);
  c.rope = Rope(f, c, 10000.0);
  if (const char* wrong = CheckRopeParameters(c.rope)) throw Error(f.where() + ": " + wrong);
  c.windows = Windows(f, c, *family);
  if (type == "qwen3_moe") c.experts = Experts(f, c);
  return true;
}

std::string DecoderTypes() {
  std::string types;
  for (const Family& family : kFamilies) types += (types.empty() ? "" : ", ") + std::string(family.type);
  return types;
}

}  // namespace invar
