// The bundled checkpoints against what is known of them: published fingerprints, float64 logits, greedy continuations.
#include <algorithm>
#include <cmath>

#include "runtime/base/sha256.h"
#include "runtime/engine/generate.h"
#include "runtime/text/tokenizer.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

class Bundled : public ::testing::TestWithParam<std::string> {};

// Two scalar implementations written independently from docs/numerics.md agree on these.
TEST_P(Bundled, LogitsHaveThePublishedFingerprintsOnEveryInstructionSet) {
  const Engine& engine = EngineOf(GetParam());
  size_t checked = 0;
  for (const Reference& reference : References(GetParam())) {
    for (const std::string& isa : SupportedIsas()) {
      Feeding feeding;
      feeding.kernels = &Kernels::Of(isa);
      const std::vector<float> logits = Logits(engine, reference.ids, feeding);
      EXPECT_EQ(Fingerprint(logits.data(), logits.size()), reference.fingerprint) << isa << ": " << reference.prompt;
      checked += logits.size();
    }
  }
  std::printf("[ COMPARED ] fingerprints of %zu logits\n", checked);
}

TEST_P(Bundled, TokenizerGivesTheReferenceIds) {
  const Tokenizer tokenizer = Tokenizer::Load(ModelDir(GetParam()));
  for (const Reference& reference : References(GetParam())) EXPECT_EQ(tokenizer.Encode(reference.prompt), reference.ids);
}

// Tolerance: the largest logit error, pooled over the prompts, is at most 1.5 times that of PyTorch float32, and at most
// 4 times for any one prompt.
TEST_P(Bundled, LogitsAreAsAccurateAsFloat32CanBe) {
  const Engine& engine = EngineOf(GetParam());
  double worst = 0, torch_worst = 0;
  for (const Reference& reference : References(GetParam())) {
    const std::vector<float> logits = Logits(engine, reference.ids, {});
    ASSERT_EQ(logits.size(), reference.logits.size());
    double error = 0;
    for (size_t i = 0; i < logits.size(); ++i) error = std::max(error, std::abs(logits[i] - reference.logits[i]));
    std::printf("[ ACCURACY ] %-40.40s largest error %.3g, PyTorch float32 %.3g, ratio %.2f\n",
                nlohmann::json(reference.prompt).dump().c_str(), error, reference.torch_error,
                error / reference.torch_error);
    EXPECT_LE(error, 4 * reference.torch_error) << reference.prompt;
    worst = std::max(worst, error);
    torch_worst = std::max(torch_worst, reference.torch_error);
  }
  std::printf("[ ACCURACY ] pooled ratio %.2f\n", worst / torch_worst);
  EXPECT_LE(worst, 1.5 * torch_worst);
}

TEST_P(Bundled, GreedyContinuationsEqualFloat64TokenForToken) {
  const Engine& engine = EngineOf(GetParam());
  std::vector<GenerateRequest> requests;
  std::vector<std::vector<int32_t>> expected;
  for (const Reference& reference : References(GetParam())) {
    GenerateRequest request;
    request.prompt = reference.ids;
    request.max_tokens = 48;
    requests.push_back(request);
    // Recorded with the prompt before it.
    expected.emplace_back(reference.greedy.end() - 48, reference.greedy.end());
  }
  const std::vector<GenerateResult> together = Generate(engine, requests, nullptr);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(together[i].ids, expected[i]);
    EXPECT_EQ(Generate(engine, {requests[i]}, nullptr)[0].ids, expected[i]) << "alone";
  }
}

TEST_P(Bundled, SampledIdsAreThePublishedOnes) {
  const Engine& engine = EngineOf(GetParam());
  const std::vector<Reference> references = References(GetParam());
  size_t found = 0;
  const nlohmann::json fingerprints = ReadJson(SourceDir() / "tests" / "data" / "fingerprints.json");
  for (const nlohmann::json& sampled : fingerprints["sampled"]) {
    if (sampled["model"] != GetParam()) continue;
    const std::vector<int32_t> expected = sampled["ids"];
    GenerateRequest request;
    request.prompt = references[sampled["prompt"].get<size_t>()].ids;
    request.max_tokens = expected.size();
    request.sampling.temperature = sampled["temperature"];
    request.sampling.top_k = sampled["top_k"];
    request.sampling.top_p = sampled["top_p"];
    request.sampling.min_p = sampled["min_p"];
    request.sampling.seed = std::stoull(sampled["seed"].get<std::string>());
    EXPECT_EQ(Generate(engine, {request}, nullptr)[0].ids, expected);
    ++found;
  }
  EXPECT_EQ(found, 2u);
}

INSTANTIATE_TEST_SUITE_P(Models, Bundled, ::testing::ValuesIn(ModelNames()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace invar::testing
