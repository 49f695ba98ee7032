// From a row of logits to a token: equal to the contract's own steps (tests/oracle/sampling.h) over parameters of every
// kind, on every instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "runtime/base/error.h"
#include "runtime/engine/sampling.h"
#include "tests/kernels/cases.h"
#include "tests/oracle/sampling.h"

namespace invar::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Known answers of the generator's authors (Random123, kat_vectors).
TEST(Philox, KnownAnswers) {
  struct Answer {
    uint32_t counter[4], key[2], words[4];
  };
  const Answer answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Answer& a : answers) {
    const PhiloxWords found = Philox(a.key, a.counter);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(found.v[i], a.words[i]);
  }
}

struct Draw {
  SamplingParameters parameters;
  TokenCounts counts;
  std::vector<float> logits;
  uint32_t position, choice;
};

// The oracle's answer, or -1 where it errs.
int32_t Expected(const Draw& s) {
  oracle::Sampling p;
  p.temperature = static_cast<float>(s.parameters.temperature);
  p.top_k = s.parameters.top_k;
  p.top_p = static_cast<float>(s.parameters.top_p);
  p.min_p = static_cast<float>(s.parameters.min_p);
  p.repetition = static_cast<float>(s.parameters.repetition_penalty);
  p.frequency = static_cast<float>(s.parameters.frequency_penalty);
  p.presence = static_cast<float>(s.parameters.presence_penalty);
  p.seed = s.parameters.seed;
  for (const auto& [id, bias] : s.parameters.logit_bias) p.bias[id] = static_cast<float>(bias);
  try {
    return oracle::Sample(p, s.logits, s.counts.counts(), s.position, s.choice);
  } catch (const oracle::SamplingError&) {
    return -1;
  }
}

int32_t Found(const Kernels& kernels, const Draw& s) {
  try {
    return SampleToken(kernels, s.parameters, s.logits.data(), s.logits.size(), s.counts, s.position, s.choice);
  } catch (const Error&) {
    return -1;
  }
}

Draw RandomDraw(Random& random, size_t size) {
  Draw s;
  s.logits.resize(size);
  const float spread = std::vector<float>{0.1f, 3.0f, 30.0f}[random.Below(3)];
  for (float& x : s.logits) x = random.Uniform(-spread, spread);
  if (random.Below(3) == 0) {  // ties
    for (float& x : s.logits) x = static_cast<float>(static_cast<int>(x));
  }
  if (random.Below(10) == 0) {
    const float bad[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), 3e38f, -3e38f};
    s.logits[random.Below(s.logits.size())] = bad[random.Below(5)];
  }
  const auto maybe = [&](double value, double otherwise) { return random.Below(2) == 0 ? value : otherwise; };
  SamplingParameters& p = s.parameters;
  p.temperature = random.Below(8) == 0 ? 0 : std::vector<double>{0.1, 0.7, 1, 1.3, 100, 1e-30}[random.Below(6)];
  p.top_k = random.Below(2) == 0 ? 0 : 1 + random.Below(s.logits.size() + 2);
  p.top_p = maybe(std::vector<double>{1e-12, 1e-9, 0.1, 0.5, 0.9, 0.95, 0.999999999, 1}[random.Below(8)], 1);
  p.min_p = maybe(std::vector<double>{0.01, 0.05, 0.5, 1}[random.Below(4)], 0);
  p.repetition_penalty = maybe(std::vector<double>{1.1, 0.9, 2, 1e-38}[random.Below(4)], 1);
  p.frequency_penalty = maybe(random.Uniform(-2, 2), 0);
  p.presence_penalty = maybe(random.Uniform(-2, 2), 0);
  p.seed = random.Bits() >> random.Below(64);
  if (random.Below(3) == 0) p.logit_bias[static_cast<int32_t>(random.Below(s.logits.size()))] = random.Uniform(-5, 5);
  if (random.Below(9) == 0) p.logit_bias[static_cast<int32_t>(random.Below(s.logits.size()))] = -kInfinity;
  for (size_t i = random.Below(20); i > 0; --i) s.counts.AddPrompt(static_cast<int32_t>(random.Below(s.logits.size())));
  for (size_t i = random.Below(20); i > 0; --i) s.counts.AddGenerated(static_cast<int32_t>(random.Below(s.logits.size())));
  s.position = static_cast<uint32_t>(random.Below(5000));
  s.choice = static_cast<uint32_t>(random.Below(4));
  return s;
}

TEST(Sampling, EqualsTheContractsSteps) {
  Random random(41);
  size_t compared = 0, errors = 0, greedy = 0;
  for (int i = 0; i < 3000 * Scale(); ++i) {
    // Of a large vocabulary the choice passes over parts and bins of weights.
    const size_t sizes[] = {1, 2, 5, 17, 100, 1000};
    const Draw s = RandomDraw(random, i % 100 == 0 ? 4000 + random.Below(20000) : sizes[random.Below(std::size(sizes))]);
    const int32_t expected = Expected(s);
    errors += expected < 0;
    greedy += s.parameters.temperature == 0;
    for (const std::string& isa : SupportedIsas()) {
      ++compared;
      ASSERT_EQ(Found(Kernels::Of(isa), s), expected)
          << "draw " << i << " on " << isa << ": " << s.logits.size() << " logits, temperature " << s.parameters.temperature
          << ", top-k " << s.parameters.top_k << ", top-p " << s.parameters.top_p << ", min-p " << s.parameters.min_p;
    }
  }
  std::printf("[ COMPARED ] %zu choices (%zu errors, %zu greedy)\n", compared, errors, greedy);
}

// The draws follow the distribution: a chi-square of 200,000 draws over 8 tokens, seeds and positions apart.
TEST(Sampling, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {0, 1, 2, -1, 0.5f, -3, 1.5f, -0.25f};
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x));
  std::vector<double> seen(logits.size());
  constexpr int kDraws = 200000;
  SamplingParameters p;
  p.temperature = 1;
  for (int i = 0; i < kDraws; ++i) {
    p.seed = static_cast<uint64_t>(i / 100);
    ++seen[static_cast<size_t>(SampleToken(Kernels::Of(""), p, logits.data(), logits.size(), {}, static_cast<uint32_t>(i % 100)))];
  }
  double chi_square = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(static_cast<double>(logits[i])) / total;
    chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 24.3);  // 0.1 % of honest generators exceed it, at 7 degrees of freedom
  std::printf("chi-square %.2f at 7 degrees of freedom\n", chi_square);
}

TEST(Sampling, ParametersWithoutMeaningAreRefused) {
  const auto refused = [](auto change) {
    SamplingParameters p;
    change(p);
    EXPECT_THROW(p.Check(), UsageError);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused([](SamplingParameters& p) { p.temperature = -1; });
  refused([&](SamplingParameters& p) { p.temperature = nan; });
  refused([](SamplingParameters& p) { p.temperature = 1e-60; });
  refused([](SamplingParameters& p) { p.temperature = 1e300; });
  refused([](SamplingParameters& p) { p.top_p = 0; });
  refused([&](SamplingParameters& p) { p.top_p = nan; });
  refused([](SamplingParameters& p) { p.min_p = 1.5; });
  refused([](SamplingParameters& p) { p.repetition_penalty = 0; });
  refused([&](SamplingParameters& p) { p.frequency_penalty = nan; });
  refused([&](SamplingParameters& p) { p.logit_bias[3] = nan; });
  SamplingParameters().Check();
}

}  // namespace
}  // namespace invar::testing
