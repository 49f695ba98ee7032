// The load-time constants against MPFR with 300 bits.
#include "runtime/model/exact.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <vector>

#include "tests/rope/exact_reference.h"

namespace invar {
namespace {

using namespace rope_test;

uint32_t Bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// Compares all frequencies; returns how many.
size_t Check(const RopeParameters& p, const std::function<Big(uint32_t)>& expected) {
  EXPECT_EQ(CheckRopeParameters(p), nullptr);
  const std::vector<float> frequencies = RopeFrequencies(p);
  EXPECT_EQ(frequencies.size(), p.dimension / 2);
  for (uint32_t i = 0; i < frequencies.size(); ++i) {
    EXPECT_EQ(Bits(frequencies[i]), Bits(expected(i).Round()))
        << "theta " << p.theta << ", d " << p.dimension << ", i " << i;
  }
  return frequencies.size();
}

const double kThetas[] = {1e4, 1e5, 5e5, 1e6, 1e7, 8e6, 12345.678, 65536.0, 1.5, 1e15};
const uint32_t kDimensions[] = {2, 16, 32, 64, 80, 96, 128, 256};

TEST(RopeFrequencies, DefaultAndLinear) {
  size_t compared = 0;
  for (const double theta : kThetas) {
    for (const uint32_t d : kDimensions) {
      RopeParameters p;
      p.theta = theta;
      p.dimension = d;
      compared += Check(p, [&](uint32_t i) { return Default(theta, d, i); });
      p.kind = RopeParameters::Kind::kLinear;
      for (const double factor : {1.0, 2.0, 4.0, 8.0, 3.7, 0.3}) {
        p.factor = factor;
        compared += Check(p, [&](uint32_t i) { return Default(theta, d, i) / Big(factor); });
      }
    }
  }
  printf("%zu frequencies compared\n", compared);
}

// Powers of two come out exactly.
TEST(RopeFrequencies, ExactlyRepresentable) {
  RopeParameters p;
  p.theta = 65536.0;
  p.dimension = 32;
  const std::vector<float> frequencies = RopeFrequencies(p);
  float expected = 1.0f;
  for (uint32_t i = 0; i < 16; ++i, expected *= 0.5f) EXPECT_EQ(frequencies[i], expected) << i;
}

// Qwen2.5 and Qwen3 (factor 4 of 32768), Qwen2.5-1M's and other thetas, DeepSeek's mscale, gpt-oss without truncation.
TEST(RopeFrequencies, Yarn) {
  size_t compared = 0;
  for (const double theta : {1e4, 1.5e5, 1e6, 5e6, 1e7}) {
    for (const uint32_t d : {64u, 80u, 128u}) {
      for (const double original : {2048.0, 4096.0, 8192.0, 32768.0, 40960.0, 262144.0}) {
        for (const double factor : {1.0, 2.0, 4.0, 8.0, 32.0, 40.0, 2.3}) {
          for (const bool truncate : {true, false}) {
            RopeParameters p;
            p.kind = RopeParameters::Kind::kYarn;
            p.theta = theta;
            p.dimension = d;
            p.factor = factor;
            p.original_max_position_embeddings = original;
            p.truncate = truncate;
            compared += Check(p, [&](uint32_t i) { return Yarn(p, i); });
            EXPECT_EQ(RopeAttentionFactor(p),
                      factor <= 1.0 ? 1.0f : (Big(factor).Log() / Big(10) + Big(1)).Round());
          }
        }
      }
    }
  }
  printf("%zu frequencies compared\n", compared);
}

TEST(RopeFrequencies, YarnDefaultsAndEdges) {
  RopeParameters p;
  p.kind = RopeParameters::Kind::kYarn;
  p.theta = 1e6;
  p.dimension = 128;
  p.factor = 4.0;
  EXPECT_NE(CheckRopeParameters(p), nullptr);  // no length at all
  p.max_position_embeddings = 32768;
  Check(p, [&](uint32_t i) { return Yarn(p, i); });
  p.beta_fast = 1.0;  // low and high meet without truncation, and 0.001 parts them
  p.truncate = false;
  Check(p, [&](uint32_t i) { return Yarn(p, i); });
  p.max_position_embeddings = 4;  // low and high both clamp to 0
  Check(p, [&](uint32_t i) { return Yarn(p, i); });
}

// A contrived config whose exact frequency, 2^-5 (1 + 2^-24), is the middle between two binary32 values: it goes to
// the even one.
TEST(RopeFrequencies, YarnTie) {
  RopeParameters p;
  p.kind = RopeParameters::Kind::kYarn;
  p.theta = 256.0;
  p.dimension = 4;
  p.factor = 0x1p+24;
  p.original_max_position_embeddings = 500.0;  // low = 0, high = 2
  EXPECT_EQ(RopeFrequencies(p)[1], 0x1p-5f);
}

TEST(RopeFrequencies, Llama3) {
  size_t compared = 0;
  for (const double factor : {8.0, 32.0, 2.5}) {  // Llama 3.1, Llama 3.2
    for (const uint32_t d : {64u, 128u}) {
      for (const double high : {4.0, 3.0}) {
        RopeParameters p;
        p.kind = RopeParameters::Kind::kLlama3;
        p.theta = 500000.0;
        p.dimension = d;
        p.factor = factor;
        p.high_freq_factor = high;
        p.original_max_position_embeddings = 8192;
        compared += Check(p, [&](uint32_t i) { return Llama3(p, i); });
        EXPECT_EQ(RopeAttentionFactor(p), 1.0f);
      }
    }
  }
  printf("%zu frequencies compared\n", compared);
}

TEST(RopeAttentionFactor, Mscale) {
  RopeParameters p;
  p.kind = RopeParameters::Kind::kYarn;
  p.dimension = 64;
  p.factor = 40.0;
  const auto g = [](double s, double a) { return Big(a) * Big(s).Log() / Big(10) + Big(1); };
  p.mscale = 1.0;
  EXPECT_EQ(RopeAttentionFactor(p), g(40, 1).Round());  // mscale alone says nothing
  p.mscale_all_dim = 0.707;
  EXPECT_EQ(RopeAttentionFactor(p), (g(40, 1) / g(40, 0.707)).Round());
  p.mscale = 0.707;
  EXPECT_EQ(RopeAttentionFactor(p), 1.0f);
  p.attention_factor = 1.0 / 3;
  EXPECT_EQ(RopeAttentionFactor(p), static_cast<float>(1.0 / 3));
}

TEST(RopeAttentionFactor, Longrope) {
  RopeParameters p;
  p.kind = RopeParameters::Kind::kLongrope;
  p.dimension = 64;
  p.original_max_position_embeddings = 4096;
  for (const int length : {8192, 32768, 131072, 100000}) {
    p.max_position_embeddings = length;
    const Big square = Big(1) + (Big(length) / Big(4096)).Log() / Big(4096).Log();
    EXPECT_EQ(Bits(RopeAttentionFactor(p)), Bits(square.Sqrt().Round())) << length;
  }
  p.max_position_embeddings = 4096;
  EXPECT_EQ(RopeAttentionFactor(p), 1.0f);
  p.attention_factor = 1.0 / 3;
  EXPECT_EQ(RopeAttentionFactor(p), static_cast<float>(1.0 / 3));
}

TEST(AttentionScale, EveryDimension) {
  for (uint32_t d = 1; d <= 4096; ++d) {
    EXPECT_EQ(Bits(AttentionScale(d)), Bits((Big(1) / Big(d).Sqrt()).Round())) << d;
  }
  for (uint32_t layer = 0; layer < 256; ++layer) {
    for (const uint32_t d : {1u, 3u, 16u, 64u, 80u, 128u}) {
      EXPECT_EQ(Bits(AttentionScale(d, true, layer + 1)), Bits((Big(1) / Big(d).Sqrt() / Big(layer + 1)).Round()));
    }
    EXPECT_EQ(Bits(AttentionScale(64, false, layer + 1)), Bits((Big(1) / Big(layer + 1)).Round()));
  }
  EXPECT_EQ(AttentionScale(64), 0.125f);
  EXPECT_EQ(AttentionScale(64, false), 1.0f);
  EXPECT_EQ(Bits(AttentionScale(4294967295u)), Bits((Big(1) / Big(4294967295.0).Sqrt()).Round()));
}

TEST(CheckRopeParameters, Refuses) {
  RopeParameters p;
  EXPECT_NE(CheckRopeParameters(p), nullptr);
  p.dimension = 7;
  EXPECT_NE(CheckRopeParameters(p), nullptr);
  p.dimension = 8;
  EXPECT_EQ(CheckRopeParameters(p), nullptr);
  p.theta = 1.0;
  EXPECT_NE(CheckRopeParameters(p), nullptr);
  p.theta = 1e4;
  p.kind = RopeParameters::Kind::kLinear;
  p.factor = 0.0;
  EXPECT_NE(CheckRopeParameters(p), nullptr);
  p.kind = RopeParameters::Kind::kLlama3;
  p.factor = 8.0;
  p.original_max_position_embeddings = 8192;
  EXPECT_EQ(CheckRopeParameters(p), nullptr);
  p.high_freq_factor = 1.0;
  EXPECT_NE(CheckRopeParameters(p), nullptr);
}

}  // namespace
}  // namespace invar
