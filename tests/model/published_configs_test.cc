// The config.json of published models (tests/model/published_configs), field for field: each is understood, and has the
// parameters that its publisher counts.
#include <cinttypes>
#include <cstdio>

#include "runtime/base/file.h"
#include "runtime/model/config.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

struct Published {
  const char* name;
  uint64_t parameters;  // as published, a tied embedding counted once
  size_t layers, hidden_size, heads, kv_heads, head_dim, max_positions;
  double theta;  // 0: no rotary embeddings
  size_t end_tokens;
};

constexpr Published kPublished[] = {
    {"gpt2", 124439808, 12, 768, 12, 12, 64, 1024, 0, 1},
    {"gpt2-medium", 354823168, 24, 1024, 16, 16, 64, 1024, 0, 1},
    {"gpt2-large", 774030080, 36, 1280, 20, 20, 64, 1024, 0, 1},
    {"gpt2-xl", 1557611200, 48, 1600, 25, 25, 64, 1024, 0, 1},
    {"qwen3-0.6b", 596049920, 28, 1024, 16, 8, 128, 40960, 1e6, 1},
    {"qwen3-0.6b-base", 596049920, 28, 1024, 16, 8, 128, 32768, 1e6, 1},
    {"qwen3-1.7b", 1720574976, 28, 2048, 16, 8, 128, 40960, 1e6, 1},
    {"qwen3-1.7b-base", 1720574976, 28, 2048, 16, 8, 128, 32768, 1e6, 1},
    {"qwen3-4b", 4022468096, 36, 2560, 32, 8, 128, 40960, 1e6, 1},
    {"qwen3-4b-base", 4022468096, 36, 2560, 32, 8, 128, 32768, 1e6, 1},
    {"qwen3-4b-instruct-2507", 4022468096, 36, 2560, 32, 8, 128, 262144, 5e6, 1},
    {"qwen3-4b-thinking-2507", 4022468096, 36, 2560, 32, 8, 128, 262144, 5e6, 1},
    {"qwen3-8b", 8190735360, 36, 4096, 32, 8, 128, 40960, 1e6, 1},
    {"qwen3-8b-base", 8190735360, 36, 4096, 32, 8, 128, 32768, 1e6, 1},
    {"qwen3-14b", 14768307200, 40, 5120, 40, 8, 128, 40960, 1e6, 1},
    {"qwen3-14b-base", 14768307200, 40, 5120, 40, 8, 128, 32768, 1e6, 1},
    {"qwen3-32b", 32762123264, 64, 5120, 64, 8, 128, 40960, 1e6, 1},
    {"qwen3-30b-a3b", 30532122624, 48, 2048, 32, 4, 128, 40960, 1e6, 1},
    {"qwen3-30b-a3b-base", 30532122624, 48, 2048, 32, 4, 128, 32768, 1e6, 1},
    {"qwen3-30b-a3b-instruct-2507", 30532122624, 48, 2048, 32, 4, 128, 262144, 1e7, 1},
    {"qwen3-30b-a3b-thinking-2507", 30532122624, 48, 2048, 32, 4, 128, 262144, 1e7, 1},
    {"qwen3-235b-a22b", 235093634560, 94, 4096, 64, 4, 128, 40960, 1e6, 1},
    {"qwen3-235b-a22b-instruct-2507", 235093634560, 94, 4096, 64, 4, 128, 262144, 5e6, 1},
    {"qwen3-235b-a22b-thinking-2507", 235093634560, 94, 4096, 64, 4, 128, 262144, 5e6, 1},
    {"qwen2.5-0.5b", 494032768, 24, 896, 14, 2, 64, 32768, 1e6, 1},
    {"qwen2.5-1.5b", 1543714304, 28, 1536, 12, 2, 128, 131072, 1e6, 1},
    {"qwen2.5-3b", 3085938688, 36, 2048, 16, 2, 128, 32768, 1e6, 1},
    {"qwen2.5-7b-instruct", 7615616512, 28, 3584, 28, 4, 128, 32768, 1e6, 1},
    {"qwen2.5-14b-instruct", 14770033664, 48, 5120, 40, 8, 128, 32768, 1e6, 1},
    {"qwen2.5-32b-instruct", 32763876352, 64, 5120, 40, 8, 128, 32768, 1e6, 1},
    {"qwen2.5-72b-instruct", 72706203648, 80, 8192, 64, 8, 128, 32768, 1e6, 1},
    {"llama-2-7b", 6738415616, 32, 4096, 32, 32, 128, 4096, 1e4, 1},
    {"llama-2-13b", 13015864320, 40, 5120, 40, 40, 128, 4096, 1e4, 1},
    {"llama-2-70b", 68976648192, 80, 8192, 64, 8, 128, 4096, 1e4, 1},
    {"llama-3-8b", 8030261248, 32, 4096, 32, 8, 128, 8192, 5e5, 1},
    {"llama-3-70b", 70553706496, 80, 8192, 64, 8, 128, 8192, 5e5, 1},
    {"llama-3.1-8b-instruct", 8030261248, 32, 4096, 32, 8, 128, 131072, 5e5, 3},
    {"llama-3.1-70b-instruct", 70553706496, 80, 8192, 64, 8, 128, 131072, 5e5, 3},
    {"llama-3.2-1b", 1235814400, 16, 2048, 32, 8, 64, 131072, 5e5, 1},
    {"llama-3.2-3b-instruct", 3212749824, 28, 3072, 24, 8, 128, 131072, 5e5, 3},
    {"llama-3.3-70b-instruct", 70553706496, 80, 8192, 64, 8, 128, 131072, 5e5, 3},
    {"mistral-7b-v0.1", 7241732096, 32, 4096, 32, 8, 128, 32768, 1e4, 1},
    {"mistral-7b-instruct-v0.2", 7241732096, 32, 4096, 32, 8, 128, 32768, 1e6, 1},
    {"mistral-7b-v0.3", 7248023552, 32, 4096, 32, 8, 128, 32768, 1e6, 1},
};

// From shapes alone, written down again: the model's own count needs its weights.
uint64_t Parameters(const ModelConfig& c) {
  const uint64_t width = c.hidden_size, inner = c.intermediate_size, table = c.vocab_size * width;
  if (c.architecture == Architecture::kGpt2) {
    const uint64_t attention = (width + 1) * 3 * width + (width + 1) * width, mlp = (width + 1) * inner + (inner + 1) * width;
    return table + c.max_positions * width + c.layers * (attention + mlp + 4 * width) + 2 * width +
           (c.tie_word_embeddings ? 0 : table);
  }
  const uint64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  uint64_t total = table + width + (c.tie_word_embeddings ? 0 : table);
  for (size_t i = 0; i < c.layers; ++i) {
    total += width * (q + 2 * kv) + q * width + 2 * width;
    if (c.qkv_bias) total += q + 2 * kv;
    if (c.output_bias) total += width;
    if (c.qk_norm) total += 2 * c.head_dim;
    if (c.experts.experts > 0 && c.experts.in_layer[i]) {
      total += c.experts.experts * (width + 3 * width * c.experts.intermediate_size);
    } else {
      total += 3 * width * inner + (c.mlp_bias ? 2 * inner + width : 0);
    }
  }
  return total;
}


class PublishedConfig : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedConfig, HasThePublishedShapesAndParameters) {
  const Published& p = GetParam();
  const std::filesystem::path path = SourceDir() / "tests/model/published_configs" / (std::string(p.name) + ".json");
  const ModelConfig c = ModelConfig::Parse(ReadWholeFile(path, 1 << 20), path.string());
  EXPECT_EQ(Parameters(c), p.parameters);
  EXPECT_EQ(c.layers, p.layers);
  EXPECT_EQ(c.hidden_size, p.hidden_size);
  EXPECT_EQ(c.heads, p.heads);
  EXPECT_EQ(c.kv_heads, p.kv_heads);
  EXPECT_EQ(c.head_dim, p.head_dim);
  EXPECT_EQ(c.max_positions, p.max_positions);
  EXPECT_EQ(c.eos_token_ids.size(), p.end_tokens);
  const std::string name = p.name;
  if (p.theta == 0) {
    EXPECT_EQ(c.architecture, Architecture::kGpt2);
    EXPECT_EQ(c.activation, Activation::kGeluTanh);
    EXPECT_TRUE(c.tie_word_embeddings && c.scale_attn_weights && !c.scale_attn_by_inverse_layer_idx);
    EXPECT_EQ(c.norm_epsilon, 1e-5);
    return;
  }
  EXPECT_EQ(c.rope.theta, p.theta);
  const bool llama31 = name.starts_with("llama-3.");
  EXPECT_EQ(c.rope.kind, llama31 ? RopeParameters::Kind::kLlama3 : RopeParameters::Kind::kDefault);
  if (llama31) {
    EXPECT_EQ(c.rope.factor, name.starts_with("llama-3.2") ? 32.0 : 8.0);
    EXPECT_EQ(c.rope.original_max_position_embeddings, 8192.0);
  }
  EXPECT_EQ(c.qk_norm, name.starts_with("qwen3"));
  EXPECT_EQ(c.qkv_bias, name.starts_with("qwen2"));
  // Only the first Mistral is published with its window on.
  ASSERT_EQ(c.windows.size(), c.layers);
  for (const size_t window : c.windows) EXPECT_EQ(window, name == "mistral-7b-v0.1" ? 4096u : 0u);
  EXPECT_EQ(c.norm_epsilon, name.starts_with("qwen") ? 1e-6 : 1e-5);
  if (name.find("-a3b") != name.npos || name.find("-a22b") != name.npos) {
    EXPECT_EQ(c.experts.experts, 128u);
    EXPECT_EQ(c.experts.per_token, 8u);
    EXPECT_TRUE(c.experts.normalize);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedConfig, ::testing::ValuesIn(kPublished), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

TEST(PublishedConfigs, TheTableNamesEveryFile) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SourceDir() / "tests/model/published_configs")) {
    files += entry.path().extension() == ".json";
  }
  EXPECT_EQ(files, std::size(kPublished));
}

}  // namespace
}  // namespace invar::testing
