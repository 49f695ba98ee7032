// The oracle itself: its integer fused multiply-add against the C library's, on inputs made to be hard.
#include "tests/oracle/arithmetic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace invar::oracle {
namespace {

float Random(std::mt19937_64& random, int exponent_low, int exponent_high) {
  std::uniform_int_distribution<int> exponent(exponent_low, exponent_high);
  const uint32_t fraction = static_cast<uint32_t>(random()) & 0x7FFFFF, sign = static_cast<uint32_t>(random() & 1) << 31;
  const int e = exponent(random);
  if (e < -126) return FromBits(sign | fraction >> std::min(23, -126 - e));
  return FromBits(sign | static_cast<uint32_t>(std::min(e, 127) + 127) << 23 | fraction);
}

TEST(Oracle, FusedMultiplyAddEqualsTheCLibrarys) {
  std::mt19937_64 random(1);
  size_t compared = 0;
  const auto check = [&](float a, float b, float c) {
    ++compared;
    ASSERT_EQ(Bits(Stored(std::fma(a, b, c))), Bits(FmaByIntegers(a, b, c)))
        << std::hex << Bits(a) << " " << Bits(b) << " " << Bits(c);
  };
  for (int i = 0; i < 1'000'000; ++i) {
    check(FromBits(static_cast<uint32_t>(random())), FromBits(static_cast<uint32_t>(random())),
          FromBits(static_cast<uint32_t>(random())));
    // Product and addend of nearly the same size: cancellation.
    const float a = Random(random, -60, 60), b = Random(random, -60, 60);
    const float p = a * b;
    check(a, b, -p);
    check(a, b, FromBits(Bits(-p) + 1));
    // Halfway cases: a product just below or at half a unit of the addend.
    const float c = Random(random, -100, 100);
    const int ec = std::ilogb(c);
    check(FromBits(0x3F800000u + (static_cast<uint32_t>(random()) & 3)), std::ldexp(1.0f, ec - 24), c);
    check(-std::nextafter(1.0f, 0.0f), std::ldexp(1.0f, ec - 24), c);
    // Subnormal results.
    const float tiny = Random(random, -149, -120);
    check(Random(random, -80, -60), Random(random, -75, -60), tiny);
  }
  std::printf("[ COMPARED ] %zu fused multiply-adds\n", compared);
}

TEST(Oracle, WideningIsExact) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const uint16_t bits = static_cast<uint16_t>(h);
    const int exponent = h >> 10 & 0x1F;
    const double fraction = h & 0x3FF;
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = fraction == 0 ? HUGE_VAL : NAN;
    if (h & 0x8000) expected = -expected;
    const float found = WidenF16(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(found));
    } else {
      EXPECT_EQ(static_cast<double>(found), expected) << h;
      EXPECT_EQ(std::signbit(found), std::signbit(expected)) << h;
    }
    EXPECT_EQ(Bits(WidenBf16(bits)), h << 16);
  }
}

}  // namespace
}  // namespace invar::oracle
