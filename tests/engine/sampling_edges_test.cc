// The edges of sampling that random draws meet once in 2^32: a weight one unit off, a draw that falls on a boundary, a
// penalty rounded once instead of twice. Each is made, and the answer is the contract's (tests/oracle/sampling.h).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "runtime/engine/sampling.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/sampling.h"
#include "tests/support/values.h"

namespace invar::testing {
namespace {

size_t compared = 0;

void ExpectTheContracts(const SamplingParameters& s, const std::vector<float>& logits, const TokenCounts& counts) {
  oracle::Sampling p;
  p.temperature = static_cast<float>(s.temperature);
  p.top_p = static_cast<float>(s.top_p);
  p.min_p = static_cast<float>(s.min_p);
  p.repetition = static_cast<float>(s.repetition_penalty);
  p.frequency = static_cast<float>(s.frequency_penalty);
  p.presence = static_cast<float>(s.presence_penalty);
  p.seed = s.seed;
  const int32_t expected = oracle::Sample(p, logits, counts.counts(), 0, 0);
  for (const std::string& isa : SupportedIsas()) {
    ++compared;
    ASSERT_EQ(SampleToken(Kernels::Of(isa), s, logits.data(), logits.size(), counts, 0), expected) << isa << ", seed " << s.seed;
  }
}

// round-to-even(exp(x) * 2^32): the product is exact in binary64.
double Weight(float x) { return std::nearbyint(static_cast<double>(oracle::Exp(x)) * 0x1p32); }

// A thousand tokens of one weight w, and min-p at w and one above it: one unit of w decides whether any of them is drawn.
TEST(SamplingEdges, AUnitOfAWeight) {
  Random random(1);
  size_t ties = 0;
  for (int i = 0; i < 40 * Scale(); ++i) {
    SamplingParameters s;
    s.temperature = i % 2 == 0 ? 1.0 : static_cast<double>(random.Uniform(0.3f, 2));
    const float x = random.Uniform(-6.9f, -6.3f) * static_cast<float>(s.temperature);
    const float scaled = x / static_cast<float>(s.temperature);
    const double w = Weight(scaled);
    ASSERT_LT(w, 0x1p24);  // so that it is a binary32
    ties += std::abs(static_cast<double>(oracle::Exp(scaled)) * 0x1p32 - w) == 0.5;
    std::vector<float> logits(1000, x);
    logits[0] = 0.0f;
    for (const double least : {w, w + 1, w - 1}) {
      for (s.seed = 0; s.seed < 4; ++s.seed) {
        s.min_p = least * 0x1p-32;
        ExpectTheContracts(s, logits, {});
      }
    }
  }
  EXPECT_GT(ties, 10u);
  std::printf("[ COMPARED ] %zu choices, %zu weights halfway between two integers\n", compared, ties);
}

// Two tokens, and a seed whose draw is the first one's weight, or one less.
TEST(SamplingEdges, TheDrawIsTheBoundary) {
  size_t on = 0, below = 0;
  for (uint64_t seed = 0; seed < 40000; ++seed) {
    const uint32_t key[2] = {static_cast<uint32_t>(seed), 0}, counter[4] = {0, 0, 0, 0};
    const PhiloxWords words = Philox(key, counter);
    const uint64_t r = uint64_t{words.v[1]} << 32 | words.v[0];
    const double share = static_cast<double>(r) * 0x1p-64;
    if (share < 0x1p-12 || share > 0x1p-9) continue;
    float x = static_cast<float>(std::log(share / (1 - share)));
    for (int i = 0; i < 8; ++i) x = std::nextafter(x, -100.0f);
    for (int i = 0; i < 16; ++i, x = std::nextafter(x, 0.0f)) {
      const uint64_t w = static_cast<uint64_t>(Weight(x));
      const uint64_t t = static_cast<uint64_t>(static_cast<unsigned __int128>(r) * (w + (uint64_t{1} << 32)) >> 64);
      if (t != w && t + 1 != w) continue;
      on += t == w;
      below += t + 1 == w;
      SamplingParameters s;
      s.temperature = 1;
      s.seed = seed;
      ExpectTheContracts(s, {x, 0.0f}, {});
    }
  }
  EXPECT_GT(on, 5u);
  EXPECT_GT(below, 5u);
  std::printf("[ COMPARED ] draws on the boundary: %zu, one below it: %zu\n", on, below);
}

// Equal tokens whose prefix is top-p's share exactly.
TEST(SamplingEdges, ThePrefixIsTheShare) {
  for (const size_t tokens : {2, 4, 8}) {
    for (size_t kept = 1; kept < tokens; ++kept) {
      SamplingParameters s;
      s.temperature = 1;
      s.top_p = static_cast<double>(kept) / static_cast<double>(tokens);
      for (s.seed = 0; s.seed < 64; ++s.seed) ExpectTheContracts(s, std::vector<float>(tokens, 1.5f), {});
    }
  }
}

// Two tokens of the greatest weight, and a thousand of weight one, or of none: whether half of the total is the first one's alone.
TEST(SamplingEdges, WeightsOfOneCount) {
  size_t ones = 0, none = 0;
  const auto expect = [&](float x) {
    const double w = Weight(x);
    ASSERT_LE(w, 1);
    (w == 1 ? ones : none) += 1;
    SamplingParameters s;
    s.temperature = 1;
    s.top_p = 0.5;
    std::vector<float> logits(1002, x);
    logits[0] = logits[1] = 0;
    for (s.seed = 0; s.seed < 8; ++s.seed) ExpectTheContracts(s, logits, {});
  };
  float half = static_cast<float>(-33 * std::log(2.0));  // e^x = 2^-33, and its neighbours
  for (int i = 0; i < 4; ++i) half = std::nextafter(half, -100.0f);
  for (int i = 0; i < 8; ++i, half = std::nextafter(half, 0.0f)) expect(half);
  for (const float x : {-22.0f, -22.5f, -22.8f, -22.86f, -22.99f, -23.0f, -23.01f, -40.0f, -200.0f}) expect(x);
  EXPECT_GT(ones, 4u);
  EXPECT_GT(none, 4u);
  std::printf("[ COMPARED ] %zu choices, beside weights of one %zu times, of none %zu times\n", compared, ones, none);
}

// The token with penalties ties with one that has the logit they leave: a rounding more or less breaks the tie.
TEST(SamplingEdges, EveryStepOfThePenaltiesIsRounded) {
  Random random(2);
  for (int i = 0; i < 2000 * Scale(); ++i) {
    SamplingParameters s;
    const double between = 1 + 1e-8;  // numbers that binary32 does not have
    s.repetition_penalty = random.Below(2) == 0 ? 1 : static_cast<double>(random.Uniform(0.5f, 2)) * between;
    s.frequency_penalty = static_cast<double>(random.Uniform(-1, 1)) * between;
    s.presence_penalty = random.Below(2) == 0 ? 0 : static_cast<double>(random.Uniform(-1, 1)) * between;
    const size_t penalised = random.Below(2), count = 1 + random.Below(9);
    TokenCounts counts;
    for (size_t j = 0; j < count; ++j) counts.AddGenerated(static_cast<int32_t>(penalised));
    std::vector<float> logits(2);
    logits[penalised] = random.Uniform(-4, 4);
    float v = logits[penalised];
    v = v > 0 ? v / static_cast<float>(s.repetition_penalty) : v * static_cast<float>(s.repetition_penalty);
    const float product = static_cast<float>(s.frequency_penalty) * static_cast<float>(count);
    v = v - product;
    logits[1 - penalised] = v - static_cast<float>(s.presence_penalty);
    ExpectTheContracts(s, logits, counts);
  }
  std::printf("[ COMPARED ] %zu choices\n", compared);
}

}  // namespace
}  // namespace invar::testing
