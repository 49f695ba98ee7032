// exp, log, tanh, erfc, sin, cos on every compiled instruction set that this processor has, against a correctly
// rounding reference: bits must agree. prove_functions tries all 2^32 arguments; this is the part of it that is quick.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "tests/functions/hard_arguments.h"
#include "tests/functions/harness.h"

namespace invar {
namespace functions_test {
namespace {

uint32_t Bits(float x) { return std::bit_cast<uint32_t>(x); }

int Threads() { return std::max(2, static_cast<int>(std::thread::hardware_concurrency())); }

class Functions : public testing::TestWithParam<int> {};

// At least 2^24 arguments: the named ones, all that are hardest to round among them, and a sweep over all bit patterns by an odd stride, so that every exponent
// and many significands occur.
TEST_P(Functions, AreCorrectlyRounded) {
  const Function function = static_cast<Function>(GetParam());
  const std::vector<uint32_t> named = EveryHardArgument();
  constexpr uint64_t kSweep = uint64_t{1} << 24;
  constexpr uint32_t kStride = 257, kOffset = 20240611;  // 257 * 2^24 goes round the 2^32 patterns about once
  const auto outcomes = Compare(
      function, Supported(function), named.size() + kSweep,
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

// The lists of what is hardest to round hold nothing else, and lack nothing where that is quick to see. C libraries
// differ by a unit or two, so the bound of 64 units is not tried at the edge.
TEST(HardestArguments, AreHard) {
  const auto lists = HardestArguments();
  ASSERT_EQ(lists.size(), static_cast<size_t>(kFunctions));
  size_t listed = 0;
  for (int f = 0; f < kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    EXPECT_GE(lists[f].size(), 30u) << Name(function);
    EXPECT_TRUE(std::is_sorted(lists[f].begin(), lists[f].end()));
    for (const uint32_t argument : lists[f]) EXPECT_TRUE(IsHardToRound(function, argument, 68)) << Name(function) << " " << argument;
    // 2^21 arguments from 1 on: all that are hard there are listed.
    for (uint32_t argument = Bits(1.0f); argument < Bits(1.25f); ++argument) {
      if (!IsHardToRound(function, argument, 60)) continue;
      EXPECT_TRUE(std::binary_search(lists[f].begin(), lists[f].end(), argument)) << Name(function) << " " << argument;
    }
    listed += lists[f].size();
  }
  printf("%zu hardest arguments\n", listed);
}

// IEEE 754-2019, 9.2.1, and the contract's own lines, written out.
TEST(Functions, SpecialValues) {
  const uint32_t infinity = 0x7F800000u, minus = 0x80000000u, nan = 0x7FC00000u, one = Bits(1.0f);
  struct Line {
    Function function;
    uint32_t argument, expected;
  };
  std::vector<Line> lines = {
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
  // A NaN is the contract's one, whatever the argument's sign, payload and kind.
  for (int f = 0; f < kFunctions; ++f) {
    for (const uint32_t bits : {nan, 0xFFC00000u, 0x7F800001u, 0xFF800001u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0xFFC12345u}) {
      lines.push_back({static_cast<Function>(f), bits, nan});
    }
  }
  for (const Line& line : lines) {
    EXPECT_EQ(Reference(line.function, line.argument), line.expected) << Name(line.function) << " " << line.argument;
    for (const Target* target : Supported(line.function)) {
      // Every lane alike, and a longer row than one vector.
      std::vector<float> x(37), y(37);
      for (float& v : x) memcpy(&v, &line.argument, sizeof(v));
      target->functions[static_cast<int>(line.function)](x.data(), y.data(), x.size());
      for (const float v : y) {
        ASSERT_EQ(Bits(v), line.expected) << Name(line.function) << " " << line.argument << " " << target->name;
      }
    }
  }
}

// A lane's result must not depend on its neighbours: sin, cos and exp take another path where any lane is large.
TEST(Functions, LanesAreIndependent) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> mixed = {1.0f, 0x1p+100f, 0.25f, 3e9f, -2.0f, 1e-30f, 0x1p+22f, 4194305.0f, 7.0f, -infinity, infinity, nan, -nan};
  for (int f = 0; f < kFunctions; ++f) {
    for (const Target* target : Supported(static_cast<Function>(f))) {
      std::vector<float> together(mixed.size() * 16), alone(1), x(together.size());
      for (size_t i = 0; i < x.size(); ++i) x[i] = mixed[i % mixed.size()];
      target->functions[f](x.data(), together.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        target->functions[f](&x[i], alone.data(), 1);
        ASSERT_EQ(Bits(alone[0]), Bits(together[i])) << Name(static_cast<Function>(f)) << " of " << x[i] << " on " << target->name;
      }
    }
  }
}

}  // namespace
}  // namespace functions_test
}  // namespace invar
