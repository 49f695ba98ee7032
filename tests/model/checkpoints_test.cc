// Checkpoints as they are published: other names of tensors, buffers that are no weights, heads tied and not, both
// generations of field names, rotary embeddings up to their length, padded vocabularies. The same model has the same bits.
#include "tests/model/checkpoint.h"

#include <cmath>
#include <cstdio>

namespace invar::testing {
namespace {

using nlohmann::json;

std::vector<float> Bundled(const std::string& model, const std::vector<int32_t>& ids) {
  return Logits(EngineOf(model), ids, {});
}

std::string EmbeddingName(const std::string& model) {
  return model == "gpt2" ? "transformer.wte.weight" : "model.embed_tokens.weight";
}

class Checkpoints : public ::testing::TestWithParam<std::string> {};

// The published GPT-2 has no "transformer." before its names, and each layer's causal mask among its tensors.
TEST(Gpt2Checkpoint, NamesWithoutPrefixAndStrayMasks) {
  const std::vector<int32_t> ids = SomeIds(30);
  for (const bool bytes : {false, true}) {  // masks came as float32, and as booleans
    Checkpoint c = Checkpoint::Of("gpt2");
    std::map<std::string, Checkpoint::Tensor> renamed;
    for (auto& [name, tensor] : c.tensors) renamed[name.substr(std::string("transformer.").size())] = std::move(tensor);
    c.tensors = std::move(renamed);
    for (int layer = 0; layer < 4; ++layer) {
      const std::string at = "h." + std::to_string(layer) + ".attn.";
      c.Set(at + "bias", {1, 1, 256, 256}, SomeValues(256 * 256, 3, 1e30f));
      if (bytes) c.tensors[at + "bias"] = {DType::kBool, {1, 1, 256, 256}, std::vector<std::byte>(256 * 256, std::byte{1})};
      c.Set(at + "masked_bias", {}, {-1e4f});
    }
    c.config.erase("dtype");
    c.config["torch_dtype"] = "float32";
    Comparisons::Expect(Bundled("gpt2", ids), c.LogitsOf(ids), "published names");
  }
  Comparisons::Report("GPT-2 under its published names");
}

TEST_P(Checkpoints, NamesWithoutPrefix) {
  Checkpoint c = Checkpoint::Of(GetParam());
  std::map<std::string, Checkpoint::Tensor> renamed;
  for (auto& [name, tensor] : c.tensors) renamed[name.substr(name.find('.') + 1)] = std::move(tensor);
  c.tensors = std::move(renamed);
  Comparisons::Expect(Bundled(GetParam(), SomeIds(20)), c.LogitsOf(SomeIds(20)), "no prefix");
}

TEST_P(Checkpoints, AStrayHeadIsIgnoredWhereItIsTied) {
  Checkpoint c = Checkpoint::Of(GetParam());
  c.Set("lm_head.weight", {1024, 128}, SomeValues(1024 * 128, 5, 1.0f));
  Comparisons::Expect(Bundled(GetParam(), SomeIds(20)), c.LogitsOf(SomeIds(20)), "stray head");
  c.config["tie_word_embeddings"] = false;  // now it is the head
  EXPECT_NE(c.LogitsOf(SomeIds(20)), Bundled(GetParam(), SomeIds(20)));
}

TEST_P(Checkpoints, ATiedEmbeddingMayBeStoredUnderTheHeadsName) {
  Checkpoint c = Checkpoint::Of(GetParam());
  c.tensors["lm_head.weight"] = c.tensors[EmbeddingName(GetParam())];
  c.tensors.erase(EmbeddingName(GetParam()));
  Comparisons::Expect(Bundled(GetParam(), SomeIds(20)), c.LogitsOf(SomeIds(20)), "the head's name");
}

TEST_P(Checkpoints, AnUntiedHeadEqualToTheEmbedding) {
  Checkpoint c = Checkpoint::Of(GetParam());
  c.config["tie_word_embeddings"] = false;
  EXPECT_NE(c.Refusal(SomeIds(3)).find("lm_head.weight"), std::string::npos) << c.Refusal(SomeIds(3));
  c.tensors["lm_head.weight"] = c.tensors[EmbeddingName(GetParam())];
  Comparisons::Expect(Bundled(GetParam(), SomeIds(20)), c.LogitsOf(SomeIds(20)), "untied");
}

// Rows that the tokenizer has no tokens for are part of the model, as Hugging Face computes it: they take part in every
// choice of a token, and one that is chosen is an id without text.
TEST_P(Checkpoints, AVocabularyPaddedBeyondTheTokenizer) {
  const TemporaryDirectory folder;
  std::filesystem::copy(ModelDir(GetParam()), folder / "m", std::filesystem::copy_options::recursive);
  Checkpoint c = Checkpoint::Of(GetParam());
  const std::string name = EmbeddingName(GetParam());
  Checkpoint::Tensor& table = c.tensors[name];
  const size_t row = table.data.size() / 1024;
  const std::vector<float> plain = Bundled(GetParam(), SomeIds(20));
  // Row 1030 is that of the likeliest first token, several times over.
  const float* last = plain.data() + 19 * 1024;
  const size_t best = static_cast<size_t>(std::max_element(last, last + 1024) - last);
  table.shape[0] = 1040;
  table.data.resize(1040 * row);
  std::vector<float> loud(128);
  for (size_t i = 0; i < 128; ++i) {
    if (table.dtype == DType::kF32) {
      std::memcpy(&loud[i], table.data.data() + best * row + 4 * i, 4);
      loud[i] *= 4;
      std::memcpy(table.data.data() + 1030 * row + 4 * i, &loud[i], 4);
    } else {  // bfloat16: the high half
      uint32_t bits = 0;
      std::memcpy(reinterpret_cast<std::byte*>(&bits) + 2, table.data.data() + best * row + 2 * i, 2);
      std::memcpy(&loud[i], &bits, 4);
      loud[i] *= 4;
      std::memcpy(&bits, &loud[i], 4);
      std::memcpy(table.data.data() + 1030 * row + 2 * i, reinterpret_cast<std::byte*>(&bits) + 2, 2);
    }
  }
  c.config["vocab_size"] = 1040;
  c.Write(folder / "m");
  const std::vector<float> padded = c.LogitsOf(SomeIds(20));
  ASSERT_EQ(padded.size(), 20u * 1040);
  for (size_t t = 0; t < 20; ++t) {
    ASSERT_EQ(std::memcmp(padded.data() + t * 1040, plain.data() + t * 1024, 1024 * sizeof(float)), 0) << t;
  }
  std::string ids;
  for (const int32_t id : SomeIds(20)) ids += (ids.empty() ? "" : ",") + std::to_string(id);
  const Outcome o = RunProgram(INVAR_PROGRAM, {"generate", "-m", (folder / "m").string(), "--ids", ids, "-n", "5", "--temp", "0",
                                               "--ignore-eos", "--json", "-q"});
  ASSERT_EQ(o.code, 0) << o.err;
  const json result = json::parse(o.out)["results"][0];
  EXPECT_EQ(result["ids"].size(), 5u);
  EXPECT_EQ(result["ids"][0], 1030);
  const Outcome named = RunProgram(INVAR_PROGRAM, {"detokenize", "-m", (folder / "m").string(), "--ids", "5,1030"});
  EXPECT_EQ(named.code, 1);
  EXPECT_NE(named.err.find("1030"), std::string::npos) << named.err;
}

INSTANTIATE_TEST_SUITE_P(Models, Checkpoints, ::testing::ValuesIn(ModelNames()), [](const auto& m) { return m.param; });

// The newer rope_parameters and dtype, and the older rope_scaling, rope_theta and torch_dtype.
TEST(QwenCheckpoint, OldAndNewFieldNamesAreTheSameModel) {
  const std::vector<int32_t> ids = SomeIds(40);
  std::vector<std::vector<float>> seen;
  for (const json& parameters : std::vector<json>{
           {{"rope_type", "default"}}, {{"rope_type", "linear"}, {"factor", 4.0}},
           {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 256}},
           {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 256}, {"attention_factor", 1.5},
            {"beta_fast", 8.0}, {"beta_slow", 2.0}},
           {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0},
            {"original_max_position_embeddings", 64}},
           {{"rope_type", "longrope"}, {"original_max_position_embeddings", 512}, {"short_factor", std::vector<double>(32, 1.5)},
            {"long_factor", std::vector<double>(32, 4.0)}}}) {
    Checkpoint fresh = Checkpoint::Of("qwen3"), old = fresh;
    fresh.config["rope_parameters"] = parameters;
    fresh.config["rope_parameters"]["rope_theta"] = 50000.0;
    old.config.erase("rope_parameters");
    old.config.erase("dtype");
    old.config.erase("layer_types");
    old.config["torch_dtype"] = "bfloat16";
    old.config["rope_theta"] = 50000.0;
    old.config["rope_scaling"] = nullptr;
    if (parameters["rope_type"] != "default") {
      old.config["rope_scaling"] = parameters;
      old.config["rope_scaling"]["type"] = parameters["rope_type"];  // the oldest name of it
      old.config["rope_scaling"].erase("rope_type");
    }
    const std::vector<float> logits = fresh.LogitsOf(ids);
    Comparisons::Expect(logits, old.LogitsOf(ids), parameters.dump());
    // Beside the parameters, the original length means the same.
    if (parameters.contains("original_max_position_embeddings")) {
      old.config["original_max_position_embeddings"] = parameters["original_max_position_embeddings"];
      old.config["rope_scaling"]["original_max_position_embeddings"] = 7;
      Comparisons::Expect(logits, old.LogitsOf(ids), parameters.dump());
    }
    for (const std::vector<float>& other : seen) EXPECT_NE(other, logits) << parameters;
    seen.push_back(logits);
  }
  Comparisons::Report("old and new field names");
}

// Frequencies that depend on the text's length: computed up to the original length, refused beyond it by name.
TEST(QwenCheckpoint, LengthDependentRopeIsRefusedBeyondItsOriginalLength) {
  const json longrope = {{"rope_type", "longrope"}, {"rope_theta", 1e6}, {"original_max_position_embeddings", 32},
                         {"short_factor", std::vector<double>(32, 1.0)}, {"long_factor", std::vector<double>(32, 2.0)},
                         {"attention_factor", 1.0}};
  const json dynamic = {{"rope_type", "dynamic"}, {"rope_theta", 1e6}, {"factor", 2.0}};
  for (const json& parameters : {longrope, dynamic}) {
    Checkpoint c = Checkpoint::Of("qwen3");
    c.config["rope_parameters"] = parameters;
    if (parameters["rope_type"] == "dynamic") c.config["max_position_embeddings"] = 32;
    // A factor of 1, and dynamic's own start: the plain frequencies.
    Comparisons::Expect(Bundled("qwen3", SomeIds(32)), c.LogitsOf(SomeIds(32)), parameters.dump());
    const std::string message = c.Refusal(SomeIds(33));
    EXPECT_NE(message.find(parameters["rope_type"].get<std::string>()), std::string::npos) << message;
    EXPECT_NE(message.find("32 positions"), std::string::npos) << message;
    const TemporaryDirectory folder;
    std::filesystem::copy(ModelDir("qwen3"), folder / "m", std::filesystem::copy_options::recursive);
    c.Write(folder / "m");
    std::string ids = "1";
    for (int i = 0; i < 32; ++i) ids += ",1";
    const Outcome o = RunProgram(INVAR_PROGRAM, {"logits", "-m", (folder / "m").string(), "--ids", ids});
    EXPECT_EQ(o.code, 1);
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find(parameters["rope_type"].get<std::string>()), std::string::npos) << o.err;
  }
}

TEST(QwenCheckpoint, RopeThatWouldBeReadWrongIsRefused) {
  const auto refused = [](const char* field, const json& value, const std::string& word) {
    Checkpoint c = Checkpoint::Of("qwen3");
    c.config[field] = value;
    const std::string message = c.Refusal(SomeIds(3));
    EXPECT_NE(message.find(word), std::string::npos) << field << ": '" << message << "'";
  };
  const json plain = {{"rope_type", "default"}, {"rope_theta", 1e4}};
  refused("rope_parameters", {{"full_attention", plain}, {"sliding_attention", plain}}, "full_attention");
  refused("rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e4}, {"partial_rotary_factor", 0.5}}, "partial_rotary_factor");
  refused("partial_rotary_factor", 0.5, "partial_rotary_factor");
  refused("rope_scaling", {{"type", "linear"}}, "factor");
  refused("rope_scaling", {{"type", "su"}, {"factor", 1.0}}, "short_factor");
  refused("rope_scaling", {{"type", "longrope"}, {"factor", 3.0}, {"original_max_position_embeddings", 512}, {"short_factor", std::vector<double>(32, 1.0)}}, "factor");
}

TEST(MistralCheckpoint, TheWindowIsThatOfEveryLayer) {
  Checkpoint c = Checkpoint::Of("qwen3");
  c.config["model_type"] = "mistral";
  c.config["sliding_window"] = 8;
  // Hugging Face's class does not read layer_types; a config where it says otherwise is refused rather than guessed at.
  EXPECT_NE(c.Refusal(SomeIds(20)).find("layer_types"), std::string::npos);
  c.config["layer_types"] = std::vector<std::string>(4, "sliding_attention");
  const std::vector<float> listed = c.LogitsOf(SomeIds(20));
  c.config.erase("layer_types");
  Comparisons::Expect(listed, c.LogitsOf(SomeIds(20)), "layer_types");
  c.config["sliding_window"] = nullptr;
  const std::vector<float> whole = c.LogitsOf(SomeIds(20));
  EXPECT_NE(listed, whole);
  // The first window's positions see everything either way.
  EXPECT_EQ(std::memcmp(listed.data(), whole.data(), 8 * 1024 * sizeof(float)), 0);
}

TEST(Gpt2Checkpoint, FieldsUnderTheNamesOfOtherFamilies) {
  Checkpoint c = Checkpoint::Of("gpt2");
  for (const auto& [own, common] : std::map<std::string, std::string>{
           {"n_embd", "hidden_size"}, {"n_layer", "num_hidden_layers"}, {"n_head", "num_attention_heads"}, {"n_positions", "max_position_embeddings"}}) {
    c.config[common] = c.config[own];
    c.config.erase(own);
  }
  Comparisons::Expect(Bundled("gpt2", SomeIds(20)), c.LogitsOf(SomeIds(20)), "other names");
  c.config["reorder_and_upcast_attn"] = true;
  Comparisons::Expect(Bundled("gpt2", SomeIds(20)), c.LogitsOf(SomeIds(20)), "reorder_and_upcast_attn");
}

}  // namespace
}  // namespace invar::testing
