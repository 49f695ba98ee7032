// One sequence's failure is its own: the others' tokens keep their bits.
#include <limits>

#include "runtime/engine/generate.h"
#include "runtime/engine/receipt.h"
#include "runtime/engine/replay.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

using nlohmann::json;

GenerateRequest Request(std::vector<int32_t> prompt, size_t tokens) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = tokens;
  return request;
}

std::vector<GenerateResult> RunAll(const Engine& engine, const std::vector<GenerateRequest>& requests) {
  return Generate(engine, requests, nullptr);
}

void ExpectSame(const GenerateResult& a, const GenerateResult& b) {
  EXPECT_EQ(a.ids, b.ids);
  ASSERT_EQ(a.log_probabilities.size(), b.log_probabilities.size());
  EXPECT_EQ(std::memcmp(a.log_probabilities.data(), b.log_probabilities.data(), a.ids.size() * sizeof(float)), 0);
  EXPECT_EQ(a.reason, b.reason);
}

// GPT-2 with a position whose embedding is so large that the sums of its layer norm overflow, finite as it is.
struct Overflowing {
  static constexpr size_t kPosition = 20;
  TemporaryDirectory folder;
  Overflowing() {
    const SafetensorsFile file = SafetensorsFile::Open(ModelDir("gpt2") / "model.safetensors");
    std::vector<std::vector<std::byte>> data;
    std::vector<NamedTensor> tensors;
    for (const std::string& name : file.names()) {
      const TensorView& t = file.Get(name);
      data.emplace_back(t.bytes);
      t.CopyTo(data.back().data());
      if (name.ends_with("wpe.weight")) {
        const uint64_t width = t.shape[1];
        const float large = 3e38f;
        for (uint64_t i = 0; i < width; ++i) std::memcpy(data.back().data() + 4 * (kPosition * width + i), &large, 4);
      }
      tensors.push_back({name, t.dtype, t.shape, data.back()});
    }
    std::filesystem::copy(ModelDir("gpt2"), folder.path(), std::filesystem::copy_options::recursive |
                                                               std::filesystem::copy_options::overwrite_existing);
    WriteSafetensors(folder / "model.safetensors", tensors);
  }
};

TEST(Failures, ANanEndsItsOwnSequence) {
  const Overflowing model;
  const Engine engine(model.folder.path(), EngineOptions{"", 2});
  const GenerateRequest fine = Request(RandomIds(engine, 5, 1), 12), grows = Request(RandomIds(engine, 15, 2), 20),
                        begins_so = Request(RandomIds(engine, 30, 3), 20), other = Request(RandomIds(engine, 8, 4), 10);
  const std::vector<GenerateResult> alone_fine = RunAll(engine, {fine}), alone_other = RunAll(engine, {other});
  const std::vector<GenerateResult> r = RunAll(engine, {fine, grows, begins_so, other});
  ASSERT_EQ(r.size(), 4u);
  ExpectSame(r[0], alone_fine[0]);
  ExpectSame(r[3], alone_other[0]);
  EXPECT_EQ(r[0].ids.size(), 12u);
  // Positions 15 to 19 are fed with what was chosen at 14 to 18; feeding position 20 fails.
  EXPECT_EQ(r[1].reason, FinishReason::kError);
  EXPECT_EQ(r[1].ids.size(), Overflowing::kPosition - 15 + 1);
  EXPECT_NE(r[1].error.find("NaN"), std::string::npos) << r[1].error;
  ExpectSame(r[1], RunAll(engine, {grows})[0]);
  EXPECT_EQ(r[2].reason, FinishReason::kError);
  EXPECT_TRUE(r[2].ids.empty());
  EXPECT_EQ(r[0].error + r[3].error, "");
}

Receipt ReceiptOf(const Engine& engine, const std::vector<GenerateRequest>& requests) {
  StepRecorder steps(requests.size(), engine.vocab_size());
  const std::vector<GenerateResult> results = Generate(engine, requests, nullptr, nullptr, [&](const GenerateStep& step) { steps.Add(step); });
  Receipt receipt = {HeaderOf({std::string(64, '0'), std::string(64, '0'), "gpt2", 0}), {}};
  for (size_t i = 0; i < requests.size(); ++i) {
    SequenceReceipt s;
    s.request = requests[i];
    steps.Fill(i, results[i], s);
    receipt.sequences.push_back(s);
  }
  return receipt;
}

// The row that holds the NaN is noted too, beside an error in place of a token.
TEST(Failures, HaveAReceipt) {
  const Overflowing model;
  const Engine engine(model.folder.path(), EngineOptions{"", 2});
  const std::vector<GenerateRequest> requests = {Request(RandomIds(engine, 5, 1), 12), Request(RandomIds(engine, 15, 2), 20),
                                                 Request(RandomIds(engine, 30, 3), 20)};
  const Receipt receipt = ReceiptOf(engine, requests);
  EXPECT_EQ(receipt.sequences[0].reason, FinishReason::kLength);
  EXPECT_EQ(receipt.sequences[1].reason, FinishReason::kError);
  EXPECT_EQ(receipt.sequences[1].ids.size(), 6u);
  EXPECT_EQ(receipt.sequences[1].logits.size(), 7u);
  EXPECT_EQ(receipt.sequences[2].logits.size(), 1u);
  EXPECT_NE(receipt.sequences[2].error.find("NaN"), std::string::npos);
  for (const std::string& isa : SupportedIsas()) {
    const Engine other(model.folder.path(), EngineOptions{isa, 1});
    EXPECT_EQ(ReceiptOf(other, requests).Text(), receipt.Text()) << isa;
    const ReplayResult replayed = Replay(other, Receipt::Parse(receipt.Text(), "a receipt"), 1);
    EXPECT_TRUE(replayed.differences.empty());
    EXPECT_EQ(replayed.steps, 12u + 7u + 1u);
  }
  // On the sound model the same sequences go on.
  const ReplayResult replayed = Replay(EngineOf("gpt2"), receipt);
  ASSERT_EQ(replayed.differences.size(), 2u);
  EXPECT_EQ(replayed.differences[0].sequence, 1u);
  EXPECT_EQ(replayed.differences[0].step, 6u);
  EXPECT_EQ(replayed.differences[0].expected.finish, "error");
  EXPECT_EQ(replayed.differences[0].expected.id, -1);
  EXPECT_GE(replayed.differences[0].found.id, 0);
}

TEST(Failures, TheProgramPrintsTheOthersAndFails) {
  const Overflowing model;
  const std::string directory = model.folder.path().string();
  std::string long_text;
  for (int i = 0; i < 12; ++i) long_text += "ROMEO: ";
  const Outcome o = RunProgram(INVAR_PROGRAM, {"generate", "-m", directory, "-p", "All", "-p", long_text, "-n", "4", "--json", "-q"});
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("invar: prompt 2 of 2: "), std::string::npos) << o.err;
  const json results = json::parse(o.out)["results"];
  EXPECT_EQ(results[0]["ids"].size(), 4u);
  EXPECT_FALSE(results[0].contains("error"));
  EXPECT_EQ(results[1]["finish_reason"], "error");
  EXPECT_NE(results[1]["error"].get<std::string>().find("NaN"), std::string::npos);
  const std::string receipt = (model.folder / "receipt").string();
  const Outcome alone = RunProgram(INVAR_PROGRAM, {"generate", "-m", directory, "-p", long_text, "-n", "4", "--receipt", receipt});
  const json written = json::parse(FileText(receipt))["sequences"][0];
  EXPECT_EQ(written["finish_reason"], "error");
  EXPECT_NE(written["error"].get<std::string>().find("NaN"), std::string::npos);
  const Outcome again = RunProgram(INVAR_PROGRAM, {"replay", "-m", directory, receipt});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, "equal: 1 step of 1 sequence\n");
  EXPECT_EQ(alone.code, 1);
  EXPECT_EQ(alone.out, "");
  EXPECT_EQ(std::count(alone.err.begin(), alone.err.end(), '\n'), 1) << alone.err;
}

// A mixture of experts whose router overflows for one token of the vocabulary alone: attention adds nothing, and only that
// token has something where the router's weights are huge.
TEST(Failures, ARouterThatCannotChooseFailsItsOwnSequence) {
  constexpr size_t kVocabulary = 32, kWidth = 16, kInner = 16, kExperts = 4;
  constexpr int32_t kBad = 7;
  const TemporaryDirectory folder;
  WriteText(folder / "config.json",
            json({{"model_type", "qwen3_moe"}, {"vocab_size", kVocabulary}, {"hidden_size", kWidth}, {"num_hidden_layers", 1},
                  {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"head_dim", 8}, {"intermediate_size", kInner},
                  {"max_position_embeddings", 64}, {"num_experts", kExperts}, {"num_experts_per_tok", 2},
                  {"moe_intermediate_size", kInner}, {"norm_topk_prob", true}, {"tie_word_embeddings", false}}).dump());
  std::map<std::string, std::pair<std::vector<uint64_t>, std::vector<float>>> tensors;
  uint64_t state = 3;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, bool zero = false) -> std::vector<float>& {
    size_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    auto& [to, values] = tensors[name];
    to = shape;
    for (size_t i = 0; i < count; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      values.push_back(zero ? 0.0f : static_cast<float>(static_cast<int>(state >> 40 & 0xFF) - 128) / 128);
    }
    return values;
  };
  std::vector<float>& embedding = add("model.embed_tokens.weight", {kVocabulary, kWidth});
  for (size_t id = 0; id < kVocabulary; ++id) embedding[id * kWidth] = id == kBad ? 1.0f : 0.0f;
  add("lm_head.weight", {kVocabulary, kWidth});
  add("model.norm.weight", {kWidth});
  const std::string at = "model.layers.0.";
  for (const char* name : {"input_layernorm", "post_attention_layernorm"}) {
    std::vector<float>& gain = add(at + name + ".weight", {kWidth});
    std::fill(gain.begin(), gain.end(), 1.0f);
  }
  for (const char* name : {"q_norm", "k_norm"}) add(at + "self_attn." + name + ".weight", {8});
  add(at + "self_attn.q_proj.weight", {16, kWidth});
  add(at + "self_attn.k_proj.weight", {8, kWidth});
  add(at + "self_attn.v_proj.weight", {8, kWidth}, true);
  add(at + "self_attn.o_proj.weight", {kWidth, 16});
  std::vector<float>& router = add(at + "mlp.gate.weight", {kExperts, kWidth});
  for (size_t e = 0; e < kExperts; ++e) router[e * kWidth] = 3e38f;
  for (size_t e = 0; e < kExperts; ++e) {
    const std::string expert = at + "mlp.experts." + std::to_string(e) + ".";
    add(expert + "gate_proj.weight", {kInner, kWidth});
    add(expert + "up_proj.weight", {kInner, kWidth});
    add(expert + "down_proj.weight", {kWidth, kInner});
  }
  std::vector<NamedTensor> list;
  for (const auto& [name, t] : tensors) list.push_back({name, DType::kF32, t.first, std::as_bytes(std::span(t.second))});
  WriteSafetensors(folder / "model.safetensors", list);

  const Engine engine(folder.path(), EngineOptions{"", 2});
  // What is generated may be the bad token, which ends its sequence: its prompt is what is asked about.
  const GenerateRequest fine = Request({1, 2, 3}, 6), bad = Request({1, kBad, 3, 4}, 6), other = Request({9}, 6);
  const std::vector<GenerateResult> r = RunAll(engine, {fine, bad, other});
  ExpectSame(r[0], RunAll(engine, {fine})[0]);
  ExpectSame(r[2], RunAll(engine, {other})[0]);
  EXPECT_FALSE(r[0].ids.empty());
  EXPECT_EQ(r[1].reason, FinishReason::kError);
  EXPECT_NE(r[1].error.find("router"), std::string::npos) << r[1].error;
  EXPECT_TRUE(r[1].ids.empty());
  // It failed before there were logits.
  const Receipt receipt = ReceiptOf(engine, {fine, bad, other});
  EXPECT_TRUE(receipt.sequences[1].logits.empty());
  EXPECT_TRUE(Replay(engine, Receipt::Parse(receipt.Text(), "a receipt")).differences.empty());
  Receipt claims = receipt;
  claims.sequences[1] = receipt.sequences[0];
  claims.sequences[1].request.prompt = bad.prompt;
  const ReplayResult replayed = Replay(engine, claims);
  ASSERT_EQ(replayed.differences.size(), 1u);
  EXPECT_EQ(replayed.differences[0].found.finish, "error");
  EXPECT_EQ(replayed.differences[0].found.logits, "");
  EXPECT_EQ(replayed.differences[0].step, 0u);
  ExpectRefusal([&] { Logits(engine, {1, kBad}, {}); }, {"router"});
  Feeding batch;
  batch.batch = 8;  // neighbours hit upon the bad token
  EXPECT_EQ(Refusal([&] {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      batch.seed = seed;
      Comparisons::Expect(Logits(engine, {1, 2, 3}, {}), Logits(engine, {1, 2, 3}, batch), "beside failures");
    }
  }), "");
}

}  // namespace
}  // namespace invar::testing
