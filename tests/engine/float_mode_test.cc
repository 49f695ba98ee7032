// The floating-point mode of the calling program changes nothing, wherever it is set, and is given back as found.
#include <cstdio>

#include "runtime/engine/generate.h"
#include "runtime/text/tokenizer.h"
#include "tests/model/bundled.h"
#include "tests/support/under_mode.h"

namespace invar::testing {
namespace {

GenerateRequest Sampled(const Engine& engine) {
  GenerateRequest request;
  request.prompt = RandomIds(engine, 9);
  request.max_tokens = 12;
  request.sampling.temperature = 0.8;
  request.sampling.top_p = 0.95;
  request.sampling.seed = 3;
  return request;
}

class FloatModeTest : public ::testing::TestWithParam<std::string> {};

TEST_P(FloatModeTest, ForwardPassesAndSamplingIgnoreIt) {
  const Engine& engine = EngineOf(GetParam());
  const std::vector<int32_t> ids = RandomIds(engine, 40);
  const std::vector<float> expected = Logits(engine, ids, {});
  const std::vector<float> scored = LogProbabilities(engine, ids, expected);
  const GenerateResult sampled = Generate(engine, {Sampled(engine)}, nullptr)[0];
  ASSERT_FALSE(FloatModes().empty()) << "write this processor's modes into tests/support/float_mode.h";
  for (const FloatMode& mode : FloatModes()) {
    for (const int threads : {1, 2, 16}) {
      Feeding feeding;
      feeding.threads = threads;
      feeding.chunk = 7;
      std::vector<float> found, log_probabilities;
      GenerateResult generated;
      UnderMode(mode, [&] {
        found = Logits(engine, ids, feeding);
        log_probabilities = LogProbabilities(engine, ids, found);
        generated = Generate(engine, {Sampled(engine)}, nullptr)[0];
      });
      Comparisons::Expect(expected, found, mode.name);
      Comparisons::Expect(scored, log_probabilities, mode.name);
      Comparisons::Expect(sampled.log_probabilities, generated.log_probabilities, mode.name);
      EXPECT_EQ(sampled.ids, generated.ids) << mode.name;
    }
  }
  Comparisons::Report("under other floating-point modes");
}

// A thread begins with the mode of the one that started it: here workers are started, weights packed and tables
// computed under the other mode, and the passes run under the usual one.
TEST_P(FloatModeTest, EnginesMadeUnderItAreTheSame) {
  const Engine& engine = EngineOf(GetParam());
  const std::vector<int32_t> ids = RandomIds(engine, 40);
  const std::vector<float> expected = Logits(engine, ids, {});
  const std::filesystem::path directory = ModelDir(GetParam());
  const std::string text = "ROMEO: Speak, caf\u00e9!";
  const std::vector<int32_t> encoded = Tokenizer::Load(directory).Encode(text);
  for (const FloatMode& mode : FloatModes()) {
    std::unique_ptr<Engine> made;
    std::vector<int32_t> found;
    UnderMode(mode, [&] {
      made = std::make_unique<Engine>(directory, EngineOptions{"", 4});
      found = Tokenizer::Load(directory).Encode(text);
    });
    EXPECT_EQ(encoded, found) << mode.name;
    Comparisons::Expect(expected, Logits(*made, ids, {}), mode.name);
  }
  Comparisons::Report("of engines made under other floating-point modes");
}

// What a worker computes on must be the contract's mode, and what it found must be back afterwards.
TEST(FloatMode, WorkersComputeInTheContractsModeAndGiveBackTheirs) {
  const Kernels& kernels = Kernels::Of("");
  for (const FloatMode& mode : FloatModes()) {
    std::unique_ptr<ThreadPool> pool;
    UnderMode(mode, [&] { pool = std::make_unique<ThreadPool>(4); });
    Team team(*pool, 4);
    constexpr size_t kTasks = 64;
    std::vector<uint64_t> before(kTasks), after(kTasks);
    std::vector<float> results(kTasks), expected(kTasks, 0x1p-127f);
    team.For(kTasks, [&](size_t i) {
      before[i] = ReadFloatMode();
      const float x = 0x1p-128f;
      // Two subnormals: flushed or read as zero anywhere, the sum is not 2^-127.
      float y = 0, z[2] = {x, x};
      size_t count = 0;
      const invar_kernel* all = invar_kernels(&count);
      for (size_t k = 0; k < count; ++k) {
        if (kernels.isa() == all[k].isa && std::string(all[k].operation) == "sum") {
          const invar_reduce_args args = {2, z, nullptr, &y, nullptr};
          all[k].call.reduce(&args);
        }
      }
      results[i] = y;
      after[i] = ReadFloatMode();
    });
    EXPECT_EQ(before, after) << mode.name;
    Comparisons::Expect(expected, results, mode.name);
  }
  Comparisons::Report("subnormal sums on workers");
}

INSTANTIATE_TEST_SUITE_P(Models, FloatModeTest, ::testing::ValuesIn(ModelNames()),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace invar::testing
