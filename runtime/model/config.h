// What a checkpoint's config.json says, as plain data: both generations of Hugging Face's field names, with the defaults
// that each family's own config class gives to fields that a published config leaves out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/exact.h"

namespace invar {

// kDecoder: the blocks that Qwen3, Qwen3 MoE, Qwen2, Llama and Mistral share, with switches.
enum class Architecture { kGpt2, kDecoder };

enum class Activation { kGeluTanh, kGeluErf, kQuickGelu, kSilu, kRelu, kTanh };

// A mixture of experts in place of a layer's MLP.
struct ExpertsConfig {
  size_t experts = 0;
  size_t per_token = 0;
  size_t intermediate_size = 0;
  bool normalize = false;          // norm_topk_prob
  std::vector<bool> in_layer;      // [layers]
};

struct ModelConfig {
  Architecture architecture = Architecture::kGpt2;
  size_t vocab_size = 0;
  size_t hidden_size = 0;
  size_t layers = 0;
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;
  size_t intermediate_size = 0;
  size_t max_positions = 0;
  std::string positions_reason;  // why there are no more, where it is not that the model was made so
  double norm_epsilon = 0;
  Activation activation = Activation::kGeluTanh;
  bool tie_word_embeddings = false;

  // Decoders
  bool qk_norm = false;
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  RopeParameters rope;
  std::vector<size_t> windows;  // [layers]: positions that a query sees, its own included; 0: all before it
  ExpertsConfig experts;

  // GPT-2
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;

  // Tokens that end a text, where generation_config.json names none.
  std::vector<int32_t> eos_token_ids;

  // What the config says that no computation here depends on: "dropout", "rope_scaling.type". For inspection.
  std::vector<std::string> ignored_fields;
  std::string model_type;

  // Reads and checks config.json of a directory, or what a GGUF file says in its place. Throws Error naming the file, the
  // field and what would be right.
  static ModelConfig Load(const std::filesystem::path& path);
  // The same of config.json's text; messages call it `source`.
  static ModelConfig Parse(std::string_view text, const std::string& source);
  static ModelConfig FromJson(const nlohmann::json& json, const std::string& where);
};

// Token ids of a field that is one integer, a list of them, null or absent.
class JsonFields;
std::vector<int32_t> TokenIds(const JsonFields& fields, const char* name);

}  // namespace invar
