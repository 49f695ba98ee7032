// The mixture of experts against the contract's own words (docs/numerics.md, section 3), bit by bit: the router, the choice
// with its ties, the weights, and the chain over the experts.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>

#include "tests/model/checkpoint.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/operations.h"

namespace invar::testing {
namespace {

constexpr size_t kWidth = 128, kInner = 24, kExperts = 6, kLayers = 4;

// The bundled Qwen3 with experts of `inner` in place of each MLP, but for those of the layers `dense`. `router`: one row for each expert.
Checkpoint WithExperts(const std::vector<float>& router, size_t per_token, bool normalize, size_t inner = kInner,
                       const std::vector<size_t>& dense = {}) {
  Checkpoint c = Checkpoint::Of("qwen3");
  c.config["model_type"] = "qwen3_moe";
  c.config["num_experts"] = kExperts;
  c.config["num_experts_per_tok"] = per_token;
  c.config["moe_intermediate_size"] = inner;
  c.config["mlp_only_layers"] = dense;
  c.config["norm_topk_prob"] = normalize;
  for (size_t layer = 0; layer < kLayers; ++layer) {
    if (std::find(dense.begin(), dense.end(), layer) != dense.end()) continue;
    const std::string at = "model.layers." + std::to_string(layer) + ".mlp.";
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) c.tensors.erase(at + name + ".weight");
    c.Set(at + "gate.weight", {kExperts, kWidth}, router);
    for (size_t e = 0; e < kExperts; ++e) {
      const std::string expert = at + "experts." + std::to_string(e) + ".";
      c.Set(expert + "gate_proj.weight", {inner, kWidth}, SomeValues(inner * kWidth, 10 + e, 0.2f));
      c.Set(expert + "up_proj.weight", {inner, kWidth}, SomeValues(inner * kWidth, 30 + e, 0.2f));
      c.Set(expert + "down_proj.weight", {kWidth, inner}, SomeValues(inner * kWidth, 50 + e, 0.3f));
    }
  }
  return c;
}

const float* Weights(const Checkpoint& c, const std::string& name) {
  return reinterpret_cast<const float*>(c.tensors.at(name).data.data());
}

// What each row adds to h in one layer, by the contract.
std::vector<float> ByTheContract(const Checkpoint& c, size_t layer, const float* x, const float* h) {
  const std::string at = "model.layers." + std::to_string(layer) + ".mlp.";
  const float* router = Weights(c, at + "gate.weight");
  oracle::Row scores;
  for (size_t e = 0; e < kExperts; ++e) scores.push_back(oracle::Contract(x, router + e * kWidth, kWidth));
  const oracle::Row p = oracle::Softmax(scores.data(), kExperts);
  std::vector<size_t> ids(kExperts);
  std::iota(ids.begin(), ids.end(), size_t{0});
  std::sort(ids.begin(), ids.end(), [&](size_t a, size_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
  ids.resize(c.config["num_experts_per_tok"]);
  std::sort(ids.begin(), ids.end());
  float sum = 0;
  for (const size_t e : ids) sum = sum + p[e];
  std::vector<float> out(kWidth, 0.0f);
  for (const size_t e : ids) {
    const std::string expert = at + "experts." + std::to_string(e) + ".";
    oracle::Row inner;
    for (size_t i = 0; i < kInner; ++i) {
      inner.push_back(oracle::Swiglu(oracle::Contract(x, Weights(c, expert + "gate_proj.weight") + i * kWidth, kWidth),
                                     oracle::Contract(x, Weights(c, expert + "up_proj.weight") + i * kWidth, kWidth)));
    }
    const float weight = c.config["norm_topk_prob"] ? p[e] / sum : p[e];
    for (size_t i = 0; i < kWidth; ++i) {
      out[i] = oracle::Fma(weight, oracle::Contract(inner.data(), Weights(c, expert + "down_proj.weight") + i * kInner, kInner), out[i]);
    }
  }
  for (size_t i = 0; i < kWidth; ++i) out[i] = h[i] + out[i];
  return out;
}

class Layers final : public Observer {
 public:
  void OnTensor(const char* name, int layer, size_t rows, size_t columns, const float* values, int64_t stride) override {
    std::vector<float>& kept = tensors[name + std::to_string(layer)];
    for (size_t r = 0; r < rows; ++r) kept.insert(kept.end(), values + static_cast<int64_t>(r) * stride, values + static_cast<int64_t>(r) * stride + columns);
  }
  std::map<std::string, std::vector<float>> tensors;
};

TEST(Experts, AreTheContractsBitByBit) {
  // Equal rows of the router in pairs: every choice meets ties.
  std::vector<float> tied = SomeValues(kExperts * kWidth, 1, 0.3f);
  std::copy_n(tied.begin(), kWidth, tied.begin() + 3 * kWidth);
  std::copy_n(tied.begin() + kWidth, kWidth, tied.begin() + 5 * kWidth);
  for (const std::vector<float>& router : {SomeValues(kExperts * kWidth, 2, 0.3f), tied}) {
    for (const size_t per_token : {1, 2, 3, 6}) {
      for (const bool normalize : {false, true}) {
        const Checkpoint c = WithExperts(router, per_token, normalize);
        Layers seen;
        Feeding feeding;
        feeding.observer = &seen;
        const std::vector<int32_t> ids = SomeIds(9);
        c.LogitsOf(ids, feeding);
        for (size_t layer = 0; layer < kLayers; ++layer) {
          const std::string l = std::to_string(layer);
          std::vector<float> expected;
          for (size_t r = 0; r < ids.size(); ++r) {
            const std::vector<float> row = ByTheContract(c, layer, seen.tensors["post_attention_layernorm" + l].data() + r * kWidth,
                                                         seen.tensors["self_attn.o_proj" + l].data() + r * kWidth);
            expected.insert(expected.end(), row.begin(), row.end());
          }
          Comparisons::Expect(expected, seen.tensors["mlp.experts" + l], "layer " + l);
        }
      }
    }
  }
  Comparisons::Report("experts with the contract");
}

// All experts are equally likely: the first are taken, and the others may hold anything.
TEST(Experts, TiesGoToTheSmallerIndex) {
  const std::vector<float> even(kExperts * kWidth, 0.0f);
  const auto output = [&](size_t changed) {
    Checkpoint c = WithExperts(even, 2, true);
    if (changed < kExperts) {
      c.Set("model.layers.0.mlp.experts." + std::to_string(changed) + ".down_proj.weight", {kWidth, kInner},
            SomeValues(kWidth * kInner, 5, 100.0f));
    }
    Feeding feeding;
    Layers seen;
    feeding.observer = &seen;
    c.LogitsOf(SomeIds(5), feeding);
    return seen.tensors["mlp.experts0"];
  };
  const std::vector<float> before = output(kExperts);
  for (size_t e = 0; e < kExperts; ++e) {
    const std::vector<float> after = output(e);
    ASSERT_EQ(after.size(), before.size());
    EXPECT_EQ(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)) != 0, e < 2) << e;
  }
}

// Experts wider than a layer's own MLP let the buffers grow that the next layer's MLP has too.
TEST(Experts, ALayerWithoutThemFollowsOneWithWiderOnes) {
  const size_t wide = 3 * Checkpoint::Of("qwen3").config["intermediate_size"].get<size_t>();
  const Checkpoint c = WithExperts(SomeValues(kExperts * kWidth, 6, 0.3f), 2, true, wide, {1, 3});
  const TemporaryDirectory folder;
  c.Write(folder.path());
  const std::vector<int32_t> ids = SomeIds(9);
  const Engine engine(folder.path(), EngineOptions{"", 2});
  const std::vector<float> first = Logits(engine, ids, {}), again = Logits(engine, ids, {});  // the second time nothing grows
  Comparisons::Expect(first, again, "buffers that grow and that do not");
  Comparisons::Expect(first, c.LogitsOf(ids), "another engine");
  Comparisons::Report("layers with experts and without");
}

TEST(Experts, ARowIsTheSameWhicheverRowsShareItsExperts) {
  const Checkpoint c = WithExperts(SomeValues(kExperts * kWidth, 4, 0.3f), 2, true);
  const TemporaryDirectory folder;
  c.Write(folder.path());
  const Engine engine(folder.path(), EngineOptions{"", 3});
  const std::vector<int32_t> ids = SomeIds(24);
  const std::vector<float> whole = Logits(engine, ids, {});
  for (const size_t chunk : {1, 2, 5, 24}) {
    for (const size_t batch : {1, 3, 9}) {
      for (const uint64_t seed : {1, 2}) {
        Feeding feeding;
        feeding.chunk = chunk;
        feeding.batch = batch;
        feeding.seed = seed;
        feeding.threads = static_cast<int>(batch % 3) + 1;
        Comparisons::Expect(whole, Logits(engine, ids, feeding), feeding.Describe());
      }
    }
  }
  Comparisons::Report("rows among other rows of their experts");
}

TEST(Experts, ANanOfTheRouterIsAnError) {
  std::vector<float> router(kExperts * kWidth, 0.0f);
  router[3 * kWidth] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(WithExperts(router, 2, true).Refusal(SomeIds(3)).find("NaN"), std::string::npos);
}

}  // namespace
}  // namespace invar::testing
