// A config that is wrong is refused by name before anything is computed.
#include <cstdio>

#include "runtime/base/error.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

using nlohmann::json;

class ConfigTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::filesystem::copy(ModelDir(GetParam()), folder_ / "m", std::filesystem::copy_options::recursive);
    config_ = ReadJson(folder_ / "m/config.json");
  }

  // The sentence that loading a changed config ends with; "" where it loads.
  std::string Refusal(const std::string& text) {
    WriteText(folder_ / "m/config.json", text);
    try {
      const Engine engine(folder_ / "m", EngineOptions{"", 1});
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

  void ExpectRefused(const std::string& field, const json& value, const std::string& word) {
    json changed = config_;
    if (value.is_discarded()) {
      changed.erase(field);
    } else {
      changed[field] = value;
    }
    const std::string message = Refusal(changed.dump());
    EXPECT_NE(message.find(word), std::string::npos) << field << " = " << value << ": '" << message << "'";
    EXPECT_EQ(message.find('\n'), std::string::npos);
    ++refused_;
  }

  TemporaryDirectory folder_;
  json config_;
  int refused_ = 0;
};

const json kErased = json(json::value_t::discarded);

TEST_P(ConfigTest, WrongValuesAreRefusedByName) {
  const bool gpt2 = GetParam() == "gpt2";
  const std::string hidden = gpt2 ? "n_embd" : "hidden_size", heads = gpt2 ? "n_head" : "num_attention_heads",
                    layers = gpt2 ? "n_layer" : "num_hidden_layers",
                    positions = gpt2 ? "n_positions" : "max_position_embeddings",
                    epsilon = gpt2 ? "layer_norm_epsilon" : "rms_norm_eps";
  ASSERT_EQ(Refusal(config_.dump()), "");
  for (const std::string& field : {hidden, heads, layers, positions, std::string("vocab_size")}) {
    for (const json& value : {json(0), json(-1), json(1.5), json("12"), json(nullptr), json(1e30), json::array()}) {
      // null stands for a field that was left out, which some have defaults for.
      if (!value.is_null()) ExpectRefused(field, value, field);
    }
    // Larger than the tensors are; no tensor of Qwen3 has a row for each position.
    if (field == "max_position_embeddings") continue;
    ExpectRefused(field, config_[field].get<int>() + 1, "config.json");
    ExpectRefused(field, int64_t{1} << 40, "config.json");
  }
  for (const json& value : {json(-1e-5), json("x"), json::object()}) ExpectRefused(epsilon, value, epsilon);
  ExpectRefused("model_type", "mamba", "mamba");
  ExpectRefused("model_type", kErased, "model_type");
  ExpectRefused("model_type", 7, "model_type");
  ExpectRefused("quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}, "gptq");
  if (gpt2) {
    // The default, 12, does not divide the bundled model's width.
    ExpectRefused("n_head", kErased, "left out and its default is 12");
    ExpectRefused("activation_function", "softsign", "softsign");
  } else {
    ExpectRefused("hidden_act", "softsign", "softsign");
    ExpectRefused("num_key_value_heads", 3, "num_key_value_heads");
    ExpectRefused("head_dim", 63, "head_dim");
    const std::string count = std::to_string(config_["num_hidden_layers"].get<int>());
    ExpectRefused("layer_types", json::array({"full_attention"}), "a list of length " + count + ", one for each layer, but it is a list of length 1");
    ExpectRefused("rope_parameters", {{"rope_type", "spiral"}, {"rope_theta", 10000}}, "spiral");
    ExpectRefused("rope_parameters", {{"rope_type", "default"}, {"rope_theta", -1}}, "rope_theta");
  }
  for (const std::string text : {"", "{", "[]", "null", "{}", "\"gpt2\"", "{\"model_type\": \"gpt2\",}"}) {
    EXPECT_NE(Refusal(text).find("config.json"), std::string::npos) << text;
  }
  std::printf("%d wrong configs refused\n", refused_);
}

TEST_P(ConfigTest, MissingFilesAreNamed) {
  std::filesystem::remove(folder_ / "m/model.safetensors");
  EXPECT_NE(Refusal(config_.dump()).find("model.safetensors"), std::string::npos);
  std::filesystem::remove(folder_ / "m/config.json");
  try {
    const Engine engine(folder_ / "m", EngineOptions{"", 1});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ConfigTest, ::testing::ValuesIn(ModelNames()),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace invar::testing
