// Perplexity is made of the log-probabilities in binary64, by ascending position.
#include "runtime/engine/perplexity.h"

#include "runtime/engine/score.h"
#include "runtime/model/exact.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

TEST(Perplexity, IsTheBinary64MeanOfTheLogProbabilities) {
  size_t compared = 0;
  for (const std::string& model : ModelNames()) {
    const Engine& engine = EngineOf(model);
    for (const size_t length : {2, 3, 20, 63}) {
      const std::vector<int32_t> ids = RandomIds(engine, length, length);
      const std::vector<float> scored = LogProbabilities(engine, ids, Logits(engine, ids, {}));
      ASSERT_EQ(scored.size(), length - 1);
      double sum = 0;
      for (const float l : scored) sum += static_cast<double>(l);
      const double mean = sum / static_cast<double>(scored.size());
      const Perplexity found = ComputePerplexity(engine, ids, {});
      EXPECT_EQ(std::memcmp(&found.mean, &mean, sizeof(mean)), 0) << found.mean << " instead of " << mean;
      const double exponential = ExpOfDouble(-mean);
      EXPECT_EQ(std::memcmp(&found.perplexity, &exponential, sizeof(exponential)), 0);
      EXPECT_EQ(found.tokens, scored.size());
      compared += 2;
    }
  }
  std::printf("[ COMPARED ] %zu means and perplexities\n", compared);
}

}  // namespace
}  // namespace invar::testing
