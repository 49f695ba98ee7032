// exp, log, tanh, erfc, sin, cos on every compiled instruction set that this processor has, against a correctly
// rounding reference: bits must agree. prove_functions tries all 2^32 arguments; this is the part of it that is quick.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/functions/harness.h"

namespace invar {
namespace functions_test {
namespace {

uint32_t Bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

std::vector<const Target*> Supported() {
  std::vector<const Target*> result;
  for (const Target& target : Targets()) {
    if (target.supported) result.push_back(&target);
  }
  return result;
}

int Threads() { return std::max(2, static_cast<int>(std::thread::hardware_concurrency())); }

// Where an implementation, this one or another, changes its method or its result's kind, and arguments that are hard to
// round: their neighbourhoods are tried on both sides of zero.
const std::vector<float>& Centres() {
  static const std::vector<float> centres = {
      // zeros, subnormals, the first normal number, the last finite one and what lies beyond
      0.0f, 0x1p-149f, 0x1p-127f, 0x1p-126f, 0x1.fffffep+127f,
      // exp: overflow, the first subnormal result, the last result that is not zero; ties of 1 + x
      0x1.62e42ep+6f, 0x1.5d589ep+6f, 0x1.9fe368p+6f, 89.0f, 104.0f, 0x1p-24f, 0x1p-25f, 0x1p-23f,
      // the middles of its reduction, ln(2) / 2 + n ln(2)
      0x1.62e43p-2f, 0x1.0a2b24p+0f, 0x1.bb9d3cp+0f,
      // log: 1, sqrt(1/2), sqrt(2)
      1.0f, 0x1.6a09e6p-1f, 0x1.6a09e6p+0f, 2.0f, 0.5f,
      // tanh: it becomes x, and 1
      0x1p-12f, 0x1.205966p+3f, 9.0f, 10.0f, 0x1.62e43p-3f,
      // erfc: it becomes 2, subnormal, and 0
      0x1.eadp+1f, 3.9f, 0x1.26p+3f, 0x1.41bbf8p+3f, 10.0625f,
      // sin and cos: multiples of pi / 4, the end of the short reduction, the float nearest to a multiple of pi / 2
      0x1.921fb6p-1f, 0x1.921fb6p+0f, 0x1.2d97c8p+1f, 0x1.921fb6p+1f, 0x1p+22f, 0x1p+23f, 0x1.6a0d5p+24f,
      0x1.f3eec8p+72f, 0x1.47d0fep+34f, 0x1.8bc5eap+103f,
  };
  return centres;
}

// Arguments whose exact results lie so near to the middle between two binary32 values that one or another evaluation in
// binary64 got them wrong: found by trying all 2^32. Hard for one function, ordinary for the others.
constexpr uint32_t kHardToRound[] = {
    0x3C413D3Au, 0x41178FEBu, 0x4C5D65A5u, 0x65D890D3u, 0x6F31A8ECu,                            // log
    0x40C0D2A2u, 0xB76C9F62u,                                                                  // erfc
    0x46199998u, 0x4967CB9Bu, 0x49A07D9Fu, 0x49E264F4u, 0x4A384104u, 0x4A544628u,              // sin
    0x46F85A22u, 0x495B1FA5u, 0x49D77FC2u, 0x4A01DCA4u, 0x4A09BA6Du, 0x4A2FF82Cu, 0x4A339B16u,  // cos
    0x4A41B37Bu, 0x5F18B878u, 0x6115CB11u,
};

// Neighbourhoods of the centres and of every power of two, and what has its own meaning.
std::vector<uint32_t> NamedArguments() {
  std::vector<uint32_t> arguments = {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0xFFFFFFFFu};
  const auto around = [&](uint32_t centre, uint32_t width) {
    for (uint32_t i = 0; i <= 2 * width; ++i) {
      arguments.push_back(centre - width + i);
      arguments.push_back((centre - width + i) ^ 0x80000000u);
    }
  };
  for (const float centre : Centres()) around(Bits(centre), 2048);
  for (const uint32_t argument : kHardToRound) around(argument, 16);
  for (uint32_t exponent = 0; exponent < 256; ++exponent) around(exponent << 23, 64);
  return arguments;
}

class Functions : public testing::TestWithParam<int> {};

// At least 2^24 arguments: the named ones, and a sweep over all bit patterns by an odd stride, so that every exponent
// and many significands occur.
TEST_P(Functions, AreCorrectlyRounded) {
  const Function function = static_cast<Function>(GetParam());
  const std::vector<uint32_t> named = NamedArguments();
  constexpr uint64_t kSweep = uint64_t{1} << 24;
  constexpr uint32_t kStride = 257, kOffset = 20240611;  // 257 * 2^24 goes round the 2^32 patterns about once
  const auto outcomes = Compare(
      function, Supported(), named.size() + kSweep,
      [&](uint64_t i) {
        return i < named.size() ? named[i] : kOffset + kStride * static_cast<uint32_t>(i - named.size());
      },
      Threads());
  for (const Outcome& outcome : outcomes) {
    printf("%s\n", Describe(function, outcome).c_str());
    EXPECT_GE(outcome.compared, kSweep);
    EXPECT_EQ(outcome.wrong, 0u) << Describe(function, outcome);
  }
}

std::string FunctionName(const testing::TestParamInfo<int>& info) { return Name(static_cast<Function>(info.param)); }

INSTANTIATE_TEST_SUITE_P(All, Functions, testing::Range(0, kFunctions), FunctionName);

// The reference's fast filters against MPFR alone.
TEST(Reference, FiltersAgreeWithMpfr) {
  size_t compared = 0;
  for (int f = 0; f < kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    for (uint32_t i = 0; i < 20000; ++i) {
      const uint32_t argument = 20240611u + 0x9E3779B1u * i;
      ASSERT_EQ(Reference(function, argument), ReferenceByMpfr(function, argument))
          << Name(function) << " " << argument;
      ++compared;
    }
    std::vector<uint32_t> arguments(std::begin(kHardToRound), std::end(kHardToRound));
    for (const float centre : Centres()) {
      arguments.insert(arguments.end(), {Bits(centre), Bits(-centre), Bits(centre) + 1});
    }
    for (const uint32_t argument : arguments) {
      ASSERT_EQ(Reference(function, argument), ReferenceByMpfr(function, argument))
          << Name(function) << " " << argument;
      ++compared;
    }
  }
  printf("%zu references compared\n", compared);
}

// IEEE 754-2019, 9.2.1, and the contract's own lines, written out.
TEST(Functions, SpecialValues) {
  const uint32_t infinity = 0x7F800000u, minus = 0x80000000u, nan = 0x7FC00000u, one = Bits(1.0f);
  struct Line {
    Function function;
    uint32_t argument, expected;
  };
  const std::vector<Line> lines = {
      {Function::kExp, 0, one},
      {Function::kExp, minus, one},
      {Function::kExp, infinity, infinity},
      {Function::kExp, minus | infinity, 0},
      {Function::kExp, Bits(0x1.62e42ep+6f), Bits(0x1.ffff08p+127f)},
      {Function::kExp, Bits(0x1.62e43p+6f), infinity},
      {Function::kExp, Bits(-0x1.9fe368p+6f), 1},
      {Function::kExp, Bits(-0x1.9fe36ap+6f), 0},
      {Function::kLog, 0, minus | infinity},
      {Function::kLog, minus, minus | infinity},
      {Function::kLog, one, 0},
      {Function::kLog, infinity, infinity},
      {Function::kLog, minus | 1, nan},
      {Function::kLog, minus | infinity, nan},
      {Function::kTanh, 0, 0},
      {Function::kTanh, minus, minus},
      {Function::kTanh, 1, 1},
      {Function::kTanh, infinity, one},
      {Function::kTanh, minus | infinity, minus | one},
      {Function::kErfc, 0, one},
      {Function::kErfc, minus, one},
      {Function::kErfc, infinity, 0},
      {Function::kErfc, minus | infinity, Bits(2.0f)},
      {Function::kSin, 0, 0},
      {Function::kSin, minus, minus},
      {Function::kSin, minus | 1, minus | 1},
      {Function::kSin, infinity, nan},
      {Function::kSin, minus | infinity, nan},
      {Function::kCos, 0, one},
      {Function::kCos, minus, one},
      {Function::kCos, infinity, nan},
      {Function::kCos, minus | infinity, nan},
  };
  for (const Line& line : lines) {
    EXPECT_EQ(Reference(line.function, line.argument), line.expected) << Name(line.function) << " " << line.argument;
    for (const Target* target : Supported()) {
      // Every lane alike, and a longer row than one vector.
      std::vector<float> x(37), y(37);
      for (float& v : x) memcpy(&v, &line.argument, sizeof(v));
      target->functions[static_cast<int>(line.function)](x.data(), y.data(), x.size());
      for (const float v : y) {
        const uint32_t bits = v != v ? nan : Bits(v);
        ASSERT_EQ(bits, line.expected) << Name(line.function) << " " << line.argument << " " << target->name;
      }
    }
  }
}

// A lane's result must not depend on its neighbours: sin and cos take another path where any lane is large.
TEST(Functions, LanesAreIndependent) {
  const std::vector<float> mixed = {1.0f, 0x1p+100f, 0.25f, 3e9f, -2.0f, 1e-30f, 0x1p+22f, 4194305.0f, 7.0f};
  for (const Target* target : Supported()) {
    for (int f = 0; f < kFunctions; ++f) {
      std::vector<float> together(mixed.size() * 16), alone(1), x(together.size());
      for (size_t i = 0; i < x.size(); ++i) x[i] = mixed[i % mixed.size()];
      target->functions[f](x.data(), together.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        target->functions[f](&x[i], alone.data(), 1);
        const bool nans = alone[0] != alone[0] && together[i] != together[i];
        ASSERT_TRUE(nans || Bits(alone[0]) == Bits(together[i]))
            << Name(static_cast<Function>(f)) << " " << target->name;
      }
    }
  }
}

}  // namespace
}  // namespace functions_test
}  // namespace invar
