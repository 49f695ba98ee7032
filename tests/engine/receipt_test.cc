// Receipts: every step is noted, nothing but the run decides what they say, and a replay finds the first step that is not so.
#include "runtime/engine/receipt.h"

#include "invar/kernels.h"
#include "runtime/base/sha256.h"
#include "runtime/engine/replay.h"
#include "tests/model/checkpoint.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

using nlohmann::json;

// Greedy and sampled, penalised and biased, of different lengths.
std::vector<GenerateRequest> Requests(const Engine& engine) {
  std::vector<GenerateRequest> requests(4);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = RandomIds(engine, 3 + 5 * i, i + 1);
    requests[i].max_tokens = 12 + i;
  }
  requests[1].sampling.temperature = 0.8;
  requests[1].sampling.top_k = 40;
  requests[1].sampling.top_p = 0.95;
  requests[1].sampling.seed = UINT64_MAX;
  requests[2].sampling.temperature = 1.3;
  requests[2].sampling.min_p = 0.01;
  requests[2].sampling.repetition_penalty = 1.1;
  requests[2].sampling.frequency_penalty = 0.1;
  requests[2].sampling.presence_penalty = -0.2;
  requests[2].sampling.logit_bias = {{5, -std::numeric_limits<double>::infinity()}, {1000, 0.1}};
  requests[3].sampling.top_p = std::numeric_limits<double>::infinity();
  return requests;
}

// What the step after these tokens would see, in one pass over all of them.
std::string RowAfter(const Engine& engine, std::vector<int32_t> ids, const std::vector<int32_t>& more, size_t count) {
  ids.insert(ids.end(), more.begin(), more.begin() + static_cast<ptrdiff_t>(count));
  const std::vector<float> logits = Logits(engine, ids, {});
  return Fingerprint(logits.data() + (ids.size() - 1) * engine.vocab_size(), engine.vocab_size());
}

Receipt Make(const Engine& engine, const std::vector<GenerateRequest>& requests, const ModelIdentity& model) {
  StepRecorder steps(requests.size(), engine.vocab_size());
  const auto results = Generate(engine, requests, nullptr, nullptr, [&](const GenerateStep& step) { steps.Add(step); });
  Receipt receipt = {HeaderOf(model), {}};
  for (size_t i = 0; i < requests.size(); ++i) {
    SequenceReceipt s;
    s.request = requests[i];
    steps.Fill(i, results[i], s);
    receipt.sequences.push_back(s);
  }
  return receipt;
}

const ModelIdentity& SomeIdentity() {
  static const ModelIdentity identity = {std::string(64, 'a'), std::string(64, 'b'), "decoder", 7};
  return identity;
}

constexpr int32_t kNeverDrawn = 1017;  // by request 1

// Has request 1 end at the first token that it has not drawn before its sixth, and returns that.
int32_t AnEndToken(const Engine& engine, std::vector<GenerateRequest>* requests) {
  const std::vector<int32_t> ids = Generate(engine, {(*requests)[1]}, nullptr)[0].ids;
  EXPECT_EQ(std::find(ids.begin(), ids.end(), kNeverDrawn), ids.end());
  size_t at = 5;
  while (std::find(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(at), ids[at]) != ids.begin() + static_cast<ptrdiff_t>(at)) ++at;
  (*requests)[1].end_tokens = {kNeverDrawn, ids[at]};
  return ids[at];
}

TEST(Receipt, NotesTheRowOfEveryStep) {
  for (const std::string& model : ModelNames()) {
    const Engine& engine = EngineOf(model);
    std::vector<GenerateRequest> requests = Requests(engine);
    const int32_t end = AnEndToken(engine, &requests);
    const Receipt receipt = Make(engine, requests, SomeIdentity());
    size_t rows = 0;
    for (const SequenceReceipt& s : receipt.sequences) {
      const bool ends = &s == &receipt.sequences[1];
      EXPECT_EQ(s.reason, ends ? FinishReason::kEndToken : FinishReason::kLength);
      EXPECT_EQ(s.end_token, ends ? end : -1);
      ASSERT_EQ(s.logits.size(), s.ids.size() + (ends ? 1 : 0));
      EXPECT_EQ(s.TokenOf(s.ids.size()), ends ? end : -1);
      for (size_t k = 0; k < s.logits.size(); ++k, ++rows) EXPECT_EQ(s.logits[k], RowAfter(engine, s.request.prompt, s.ids, k)) << k;
    }
    EXPECT_GT(rows, 45u);
  }
}

TEST(Receipt, PositionsAndTokensOfSteps) {
  const Engine& engine = EngineOf("gpt2");
  const std::vector<GenerateRequest> requests = Requests(engine);
  std::vector<size_t> next;
  for (const GenerateRequest& r : requests) next.push_back(r.prompt.size());
  std::vector<std::vector<int32_t>> told(requests.size());
  const auto results = Generate(
      engine, requests, [&](size_t i, int32_t id, float) { return !told[i].empty() && told[i].back() == id; }, nullptr,
      [&](const GenerateStep& step) {
        EXPECT_EQ(step.position, next[step.request]++);
        told[step.request].push_back(step.id);
      });
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(told[i], results[i].ids);
}

TEST(Receipt, TheSameBytesForEveryMachineAndBatch) {
  for (const std::string& model : ModelNames()) {
    std::vector<GenerateRequest> requests = Requests(EngineOf(model));
    AnEndToken(EngineOf(model), &requests);
    const std::string expected = Make(EngineOf(model), requests, SomeIdentity()).Text();
    for (const std::string& isa : SupportedIsas()) {
      for (const int threads : {1, 3}) {
        const Engine engine(ModelDir(model), EngineOptions{isa, threads});
        EXPECT_EQ(Make(engine, requests, SomeIdentity()).Text(), expected) << isa << " " << threads;
        Receipt alone = {HeaderOf(SomeIdentity()), {}};
        for (const GenerateRequest& r : requests) alone.sequences.push_back(Make(engine, {r}, SomeIdentity()).sequences[0]);
        EXPECT_EQ(alone.Text(), expected) << isa << " " << threads;
      }
    }
  }
}

TEST(Receipt, IsReadAsItWasWritten) {
  std::vector<GenerateRequest> requests = Requests(EngineOf("gpt2"));
  AnEndToken(EngineOf("gpt2"), &requests);
  requests[3].max_tokens = 0;
  Receipt receipt = Make(EngineOf("gpt2"), requests, SomeIdentity());
  receipt.sequences[0].prompt = "caf\u00e9 \"\n";
  receipt.sequences[0].stop = {"a", "\u65e5"};
  receipt.sequences[2].text = "x";
  receipt.sequences[2].reason = FinishReason::kError;
  receipt.sequences[2].error = "no";
  const Receipt read = Receipt::Parse(receipt.Text(), "a receipt");
  EXPECT_EQ(read.Text(), receipt.Text());
  EXPECT_EQ(read.header.model, SomeIdentity());
  const SamplingParameters &a = read.sequences[2].request.sampling, &b = requests[2].sampling;
  EXPECT_EQ(a.logit_bias, b.logit_bias);
  EXPECT_EQ(a.frequency_penalty, b.frequency_penalty);
  EXPECT_EQ(read.sequences[1].request.sampling.seed, UINT64_MAX);
  EXPECT_EQ(read.sequences[3].request.sampling.top_p, std::numeric_limits<double>::infinity());
}

TEST(Replay, EqualHoweverItRuns) {
  for (const std::string& model : ModelNames()) {
    std::vector<GenerateRequest> requests = Requests(EngineOf(model));
    AnEndToken(EngineOf(model), &requests);
    const Receipt receipt = Make(EngineOf(model), requests, SomeIdentity());
    size_t steps = 0;
    for (const SequenceReceipt& s : receipt.sequences) steps += s.logits.size();
    for (const std::string& isa : SupportedIsas()) {
      const Engine engine(ModelDir(model), EngineOptions{isa, 2});
      for (const size_t batch : {0, 1, 3, 9}) {
        const ReplayResult replayed = Replay(engine, receipt, batch);
        EXPECT_TRUE(replayed.differences.empty()) << isa << " " << batch;
        EXPECT_EQ(replayed.steps, steps);
      }
    }
  }
}

// Replays after a change of sequence 1 and expects a difference at that step of it, and none elsewhere.
template <class Change>
ReplayDifference Differs(const Change& change, size_t step, const std::string& what, const Engine& engine = EngineOf("gpt2")) {
  std::vector<GenerateRequest> requests = Requests(EngineOf("gpt2"));
  AnEndToken(EngineOf("gpt2"), &requests);
  Receipt receipt = Make(EngineOf("gpt2"), requests, SomeIdentity());
  change(receipt.sequences[1]);
  const ReplayResult replayed = Replay(engine, Receipt::Parse(receipt.Text(), "a receipt"));
  if (replayed.differences.size() != 1) {
    ADD_FAILURE() << what << ": " << replayed.differences.size() << " differences";
    return {};
  }
  const ReplayDifference& d = replayed.differences[0];
  EXPECT_EQ(d.sequence, 1u) << what;
  EXPECT_EQ(d.step, step) << what;
  EXPECT_EQ(d.position, requests[1].prompt.size() + step) << what;
  return d;
}

TEST(Replay, FindsTheStepThatIsNotSo) {
  ReplayDifference d = Differs([](SequenceReceipt& s) { s.logits[3][10] = s.logits[3][10] == 'a' ? 'b' : 'a'; }, 3, "a hash");
  EXPECT_NE(d.expected.logits, d.found.logits);
  EXPECT_EQ(d.expected.id, d.found.id);
  d = Differs([](SequenceReceipt& s) { s.ids[4] ^= 1; }, 4, "a token");
  EXPECT_EQ(d.expected.logits, d.found.logits);
  EXPECT_EQ(d.expected.id ^ 1, d.found.id);
  d = Differs([](SequenceReceipt& s) { s.end_token = kNeverDrawn; }, 5, "the end token");
  EXPECT_EQ(d.expected.id, kNeverDrawn);
  EXPECT_EQ(d.found.finish, "end");
  d = Differs([](SequenceReceipt& s) { s.request.sampling.logit_bias = {{s.ids[2], -100}}; }, 2, "a bias");
  EXPECT_EQ(d.expected.logits, d.found.logits);
  d = Differs([](SequenceReceipt& s) { s.request.prompt[0] ^= 1; }, 0, "the prompt");
  EXPECT_NE(d.expected.logits, d.found.logits);
  d = Differs([](SequenceReceipt& s) { s.request.end_tokens.clear(); }, 6, "no end token");  // the step is the same, and it goes on
  EXPECT_EQ(d.expected.finish, "end");
  EXPECT_EQ(d.expected.logits, "");
  EXPECT_GE(d.found.id, 0);
  d = Differs([](SequenceReceipt& s) { s.request.end_tokens = {s.ids[3]}; }, 4, "an earlier end token");
  EXPECT_EQ(d.found.finish, "end");
  EXPECT_EQ(d.found.logits, "");
  EXPECT_GE(d.expected.id, 0);
  d = Differs([](SequenceReceipt& s) { s.request.max_tokens = 4; }, 4, "fewer tokens");
  EXPECT_EQ(d.found.finish, "length");
  d = Differs(
      [](SequenceReceipt& s) {
        s.logits.resize(3);
        s.ids.resize(3);
        s.reason = FinishReason::kLength;
        s.end_token = -1;
      },
      3, "a receipt cut short");
  EXPECT_EQ(d.expected.finish, "length");
  EXPECT_EQ(d.expected.id, -1);
  EXPECT_GE(d.found.id, 0);
  d = Differs(
      [](SequenceReceipt& s) {
        s.logits.pop_back();
        s.reason = FinishReason::kError;
        s.error = "made up";
        s.end_token = -1;
      },
      5, "an error that was none");
  EXPECT_EQ(d.expected.finish, "error");
  EXPECT_EQ(d.found.finish, "end");
  d = Differs(
      [](SequenceReceipt& s) {
        s.request.max_tokens = 3;
        s.logits.resize(3);
        s.ids.resize(3);
        s.reason = FinishReason::kError;
        s.error = "made up";
        s.end_token = -1;
      },
      2, "an error after the last of all steps that are the same");
  EXPECT_EQ(d.expected.finish, "error");
  EXPECT_EQ(d.found.finish, "length");
}

TEST(Replay, FindsAnotherSeed) {
  std::vector<GenerateRequest> requests = Requests(EngineOf("qwen3"));
  Receipt receipt = Make(EngineOf("qwen3"), requests, SomeIdentity());
  receipt.sequences[2].request.sampling.seed = 1;
  requests[2].sampling.seed = 1;
  const std::vector<int32_t> other = Generate(EngineOf("qwen3"), {requests[2]}, nullptr)[0].ids;
  const auto at = std::mismatch(other.begin(), other.end(), receipt.sequences[2].ids.begin());
  ASSERT_NE(at.first, other.end());
  const ReplayResult replayed = Replay(EngineOf("qwen3"), receipt);
  ASSERT_EQ(replayed.differences.size(), 1u);
  EXPECT_EQ(replayed.differences[0].sequence, 2u);
  EXPECT_EQ(replayed.differences[0].step, static_cast<size_t>(at.first - other.begin()));
  EXPECT_EQ(replayed.differences[0].found.id, *at.first);
}

// One weight of the position that the fourth step is the first to see.
TEST(Replay, FindsTheFirstStepThatAWeightReaches) {
  Checkpoint other = Checkpoint::Of("gpt2");
  Checkpoint::Tensor& positions = other.tensors.at("transformer.wpe.weight");
  std::vector<GenerateRequest> requests = Requests(EngineOf("gpt2"));
  requests.resize(2);
  Receipt receipt = Make(EngineOf("gpt2"), requests, SomeIdentity());
  const size_t position = requests[1].prompt.size() + 3;
  positions.data[(position * 128 + 5) * 4 + 2] ^= std::byte{0x40};
  const TemporaryDirectory folder;
  other.Write(folder.path());
  const ReplayResult replayed = Replay(Engine(folder.path(), EngineOptions{"", 1}), receipt);
  ASSERT_EQ(replayed.differences.size(), 2u);
  // Sequence 0 is 5 tokens shorter.
  EXPECT_EQ(replayed.differences[0].step, 9u);
  EXPECT_EQ(replayed.differences[1].step, 4u);
  EXPECT_EQ(replayed.steps, 9u + 4u);
  EXPECT_NE(replayed.differences[1].expected.logits, replayed.differences[1].found.logits);
}

TEST(Replay, RefusesWhatTheModelCannotBeAsked) {
  const auto refused = [](const std::function<void(GenerateRequest&)>& change, const std::vector<std::string>& words) {
    Receipt receipt = Make(EngineOf("gpt2"), Requests(EngineOf("gpt2")), SomeIdentity());
    change(receipt.sequences[2].request);
    ExpectRefusal([&] { Replay(EngineOf("gpt2"), receipt); }, words);
    try {
      Replay(EngineOf("gpt2"), receipt);
    } catch (const UsageError& e) {
      ADD_FAILURE() << "it is not the caller's mistake: " << e.what();
    } catch (const Error&) {
    }
  };
  refused([](GenerateRequest& r) { r.prompt[1] = 1024; }, {"sequence 3", "1024", "vocabulary"});
  refused([](GenerateRequest& r) { r.sampling.logit_bias[INT32_MAX] = 1; }, {"sequence 3", "2147483647", "vocabulary"});
  refused([](GenerateRequest& r) { r.prompt.resize(300); }, {"300", "256 positions"});
}

// Any field missing, of another type, twice, or one too many: a sentence that names it.
TEST(Receipt, RefusesWhatIsNoReceipt) {
  std::vector<GenerateRequest> requests = Requests(EngineOf("gpt2"));
  AnEndToken(EngineOf("gpt2"), &requests);
  const json good = json::parse(Make(EngineOf("gpt2"), requests, SomeIdentity()).Text());
  const auto refused = [&](const json& bad, const std::vector<std::string>& words) {
    ExpectRefusal([&] { Receipt::Parse(bad.dump(), "a receipt"); }, words);
  };
  Receipt::Parse(good.dump(), "a receipt");
  size_t fields = 0;
  const auto each_field = [&](const std::string& at) {
    for (const auto& [name, value] : good.at(json::json_pointer(at)).items()) {
      if (name == "prompt") continue;
      json bad = good;
      bad[json::json_pointer(at)].erase(name);
      refused(bad, {"a receipt", name});
      for (const json& other : {json(nullptr), json(true), json(-1), json(1.5), json("x"), json({"x"}), json({{"x", 1}})}) {
        if (value.type() == other.type() || (value.is_number() && other.is_number() && !value.is_number_integer())) continue;
        bad = good;
        bad[json::json_pointer(at + "/" + name)] = other;
        if ((name == "frequency_penalty" || name == "presence_penalty") && other.is_number()) continue;
        if (name == "program" && other.is_string()) continue;
        refused(bad, {"a receipt", name});
      }
      ++fields;
    }
    json more = good;
    more[json::json_pointer(at + "/date")] = "today";
    refused(more, {"a receipt", "date"});
  };
  each_field("");
  each_field("/model");
  each_field("/sequences/1");
  each_field("/sequences/1/sampling");
  EXPECT_EQ(fields, 6u + 4u + 10u + 9u);

  const auto changed = [&](const char* at, const json& value, const std::vector<std::string>& words) {
    json bad = good;
    bad[json::json_pointer(at)] = value;
    refused(bad, words);
  };
  changed("/format", "invar fingerprints", {"format", "invar receipt"});
  changed("/version", 2, {"version 2", "reads version 1"});
  changed("/contract", 2, {"version 2 of the numerics contract"});
  changed("/sequences", json::array(), {"no sequences"});
  changed("/sequences/0", 5, {"sequences[0]"});
  changed("/sequences/1/prompt_ids", json::array(), {"sequences[1]", "prompt_ids is empty"});
  changed("/sequences/1/prompt_ids/2", 2147483648u, {"sequences[1]: prompt_ids[2]"});
  changed("/sequences/1/prompt_ids/2", -1, {"sequences[1]: prompt_ids[2]"});
  changed("/sequences/1/ids/0", 1.0, {"ids[0]"});
  changed("/sequences/1/logits_sha256/1", std::string(64, 'A'), {"logits_sha256[1]"});
  changed("/sequences/1/logits_sha256/1", std::string(63, 'a'), {"logits_sha256[1]"});
  changed("/sequences/1/ids", {1, 2, 3}, {"contradicts itself", "3 ids"});
  changed("/sequences/1/finish_reason", "length", {"end_token"});
  changed("/sequences/1/finish_reason", "tired", {"finish_reason", "'tired'"});
  changed("/sequences/1/stop", {""}, {"stop", "empty"});
  changed("/sequences/1/stop", {7}, {"stop[0]"});
  changed("/sequences/1/max_tokens", -1, {"max_tokens"});
  changed("/sequences/1/sampling/seed", -1, {"seed"});
  changed("/sequences/1/sampling/seed", 1e20, {"seed"});
  changed("/sequences/1/sampling/temperature", -1, {"sampling", "temperature must be a number from 0 to 3.4028235e38"});
  changed("/sequences/1/sampling/temperature", "infinity", {"temperature"});
  changed("/sequences/1/sampling/top_p", 0, {"top-p"});
  changed("/sequences/1/sampling/logit_bias", {{5, 1}, {5, 2}}, {"logit_bias[1]", "already"});
  changed("/sequences/1/sampling/logit_bias", {{5, 1, 2}}, {"logit_bias[0]", "pair"});
  changed("/sequences/1/sampling/logit_bias", {{-5, 1}}, {"logit_bias[0]"});
  changed("/sequences/1/sampling/logit_bias", {{5, "lots"}}, {"logit_bias[0]"});
  changed("/sequences/1/sampling/logit_bias", {{5, "infinity"}}, {"logit bias"});
  // A usage error would be blamed on who reads it.
  json bad = good;
  bad["sequences"][1]["sampling"]["min_p"] = 2;
  try {
    Receipt::Parse(bad.dump(), "a receipt");
    ADD_FAILURE();
  } catch (const UsageError&) {
    ADD_FAILURE() << "a usage error";
  } catch (const Error&) {
  }
  std::string twice = good.dump();
  twice.insert(twice.find("\"contract\""), "\"contract\":1,");
  ExpectRefusal([&] { Receipt::Parse(twice, "a receipt"); }, {"'contract'", "twice"});
  const std::string text = good.dump();
  for (size_t length = 0; length < text.size(); length += 7) {
    ExpectRefusal([&] { Receipt::Parse(text.substr(0, length), "a receipt"); }, {"a receipt"});
  }
}

}  // namespace
}  // namespace invar::testing
