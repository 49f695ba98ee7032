// A model's hash: the same however its weights are stored, another where anything that its bits depend on is another.
#include "runtime/model/model_hash.h"

#include "runtime/model/convert.h"
#include "tests/model/checkpoint.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

ModelIdentity HashOf(const std::filesystem::path& path, int threads = 2) { return HashModel(path, threads).identity; }

ModelIdentity HashOf(const Checkpoint& checkpoint) {
  const TemporaryDirectory folder;
  checkpoint.Write(folder.path());
  return HashOf(folder.path());
}

// Computed with Python's hashlib from the files themselves (docs/receipts.md).
TEST(ModelHash, OfTheBundledModels) {
  // Names that receipts hold: they never change.
  EXPECT_EQ(HashOf(ModelDir("gpt2")).config, "71bbc8d74287d1ec5afdcb9e3e86f34c9a9a643282600a1e52d98bf9c0115228");
  EXPECT_EQ(HashOf(ModelDir("qwen3")).config, "e01bb654305b7386a0a5fc2b1447042b5eb15812d6185158f87aad248dbccf70");
  EXPECT_EQ(HashOf(ModelDir("gpt2")).weights, "5b368c8d01ad404e12b0b057a693cc347f083e695773eb28ca88b4dffff5bab6");
  EXPECT_EQ(HashOf(ModelDir("qwen3")).weights, "3df136aac82ee66e9c36315864fbafb3ce730aa04319da11d12ec9411de6cc8f");
  for (const std::string& model : ModelNames()) {
    const ModelIdentity identity = HashOf(ModelDir(model), 1);
    EXPECT_EQ(identity, HashOf(ModelDir(model), 5));
    EXPECT_EQ(identity.parameters, EngineOf(model).model().parameters());
    EXPECT_EQ(identity.architecture, model == "gpt2" ? "gpt2" : "decoder");
  }
}

TEST(ModelHash, IsTheSameForEveryWayOfStoring) {
  const TemporaryDirectory folder;
  const ModelIdentity qwen3 = HashOf(ModelDir("qwen3"));  // bf16
  ConvertOptions options;
  options.type = DType::kF32;
  Convert(ModelDir("qwen3"), folder / "f32", options);
  EXPECT_EQ(HashOf(folder / "f32"), qwen3);
  options.shard_bytes = 300000;
  Convert(ModelDir("qwen3"), folder / "shards", options);
  EXPECT_TRUE(std::filesystem::exists(folder / "shards/model.safetensors.index.json"));
  EXPECT_EQ(HashOf(folder / "shards"), qwen3);
  // GPT-2's f32 in f16 is another model, which is the same in f32 again.
  options = {};
  options.type = DType::kF16;
  Convert(ModelDir("gpt2"), folder / "f16", options);
  const ModelIdentity narrowed = HashOf(folder / "f16");
  EXPECT_NE(narrowed.weights, HashOf(ModelDir("gpt2")).weights);
  EXPECT_EQ(narrowed.config, HashOf(ModelDir("gpt2")).config);
  options.type = DType::kF32;
  Convert(folder / "f16", folder / "wide", options);
  EXPECT_EQ(HashOf(folder / "wide"), narrowed);
}

TEST(ModelHash, DoesNotDependOnWhatTheModelDoesNot) {
  const ModelIdentity expected = HashOf(ModelDir("gpt2"));
  const Checkpoint original = Checkpoint::Of("gpt2");
  Checkpoint bare = original;  // names without the prefix, and a buffer that is no weight
  bare.tensors.clear();
  for (const auto& [name, tensor] : original.tensors) {
    bare.tensors[name.starts_with("transformer.") ? name.substr(12) : name] = tensor;
  }
  bare.Set("h.0.attn.bias", {1, 1, 2, 2}, {1, 0, 1, 1});
  EXPECT_EQ(HashOf(bare), expected);
  Checkpoint head = bare;  // the tied table under the head's name alone, or under both
  head.tensors["lm_head.weight"] = head.tensors.at("wte.weight");
  EXPECT_EQ(HashOf(head), expected);
  head.tensors.erase("wte.weight");
  EXPECT_EQ(HashOf(head), expected);
  Checkpoint words = original;
  words.config["resid_pdrop"] = 0.5;
  words.config["eos_token_id"] = 7;  // ends a text, and moves no logit
  words.config["activation_function"] = "gelu_pytorch_tanh";  // the same function
  words.config["layer_norm_epsilon"] = 1.00000001e-5;         // the same binary32
  EXPECT_EQ(HashOf(words), expected);
  Checkpoint untied = original;  // another head is another model, also where it has the same values
  untied.config["tie_word_embeddings"] = false;
  untied.tensors["lm_head.weight"] = untied.tensors.at("transformer.wte.weight");
  EXPECT_NE(HashOf(untied).weights, expected.weights);
}

TEST(ModelHash, NoticesEveryBit) {
  const Checkpoint original = Checkpoint::Of("gpt2");
  const ModelIdentity expected = HashOf(original);
  for (const char* name : {"transformer.wte.weight", "transformer.h.3.attn.c_attn.bias", "transformer.ln_f.weight"}) {
    Checkpoint other = original;
    other.tensors.at(name).data.back() ^= std::byte{0x80};  // a sign
    EXPECT_NE(HashOf(other).weights, expected.weights) << name;
    EXPECT_EQ(HashOf(other).config, expected.config) << name;
  }
  Checkpoint swapped = original;
  std::swap(swapped.tensors.at("transformer.h.0.ln_1.weight"), swapped.tensors.at("transformer.h.1.ln_1.weight"));
  EXPECT_NE(HashOf(swapped).weights, expected.weights);

  std::set<std::string> seen = {expected.config};
  const auto differs = [&](const std::string& model, const char* field, const nlohmann::json& value) {
    const TemporaryDirectory folder;
    Checkpoint other = Checkpoint::Of(model);
    other.config[nlohmann::json::json_pointer(field)] = value;
    other.Write(folder.path());
    const ModelIdentity found = HashOf(folder.path());
    EXPECT_EQ(found.weights, HashOf(ModelDir(model)).weights) << field;
    EXPECT_TRUE(seen.insert(found.config).second) << field;
  };
  differs("gpt2", "/layer_norm_epsilon", 1.1e-5);
  differs("gpt2", "/activation_function", "gelu");
  differs("gpt2", "/scale_attn_weights", false);
  differs("gpt2", "/scale_attn_by_inverse_layer_idx", true);
  differs("gpt2", "/n_head", 8);
  differs("qwen3", "/vocab_size", 1024);  // as it is
  differs("qwen3", "/rms_norm_eps", 1e-5);
  differs("qwen3", "/rope_parameters/rope_theta", 1000001.0);
  differs("qwen3", "/max_position_embeddings", 512);
  differs("qwen3", "/rope_parameters", {{"rope_type", "linear"}, {"rope_theta", 1000000.0}, {"factor", 2.0}});
}

TEST(ModelHash, RefusesWhatIsNoModel) {
  const TemporaryDirectory folder;
  ExpectRefusal([&] { HashModel(folder.path(), 1); }, {"config.json"});
  Checkpoint incomplete = Checkpoint::Of("gpt2");
  incomplete.tensors.erase("transformer.h.1.ln_2.bias");
  ExpectRefusal([&] { HashOf(incomplete); }, {"h.1.ln_2.bias"});
}

}  // namespace
}  // namespace invar::testing
