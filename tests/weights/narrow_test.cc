// Narrowing to nearest even and exact widening, held for every value of the narrow types and around every half-way point.
#include "runtime/weights/narrow.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

namespace invar::testing {
namespace {

double ValueOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return static_cast<double>(value);
}

uint32_t BitsOf(double value) {
  const float narrow = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &narrow, sizeof(bits));
  return bits;
}

template <class Widen, class Narrow>
void ExpectNearestEven(uint16_t infinity, Widen widen, Narrow narrow) {
  size_t compared = 0;
  for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
    for (uint32_t x = 0; x < infinity; ++x) {
      const uint16_t value = static_cast<uint16_t>(sign | x);
      const uint32_t wide = widen(value);
      ASSERT_EQ(narrow(wide), value);
      // Half-way to the next, which for the greatest is where infinity would follow: exact in binary32.
      const uint16_t next = static_cast<uint16_t>(value + 1);
      const double here = ValueOf(wide), step = x + 1 < infinity ? ValueOf(widen(next)) - here : here - ValueOf(widen(static_cast<uint16_t>(value - 1)));
      const uint32_t middle = BitsOf(here + step / 2);
      ASSERT_EQ(ValueOf(middle), here + step / 2);
      ASSERT_EQ(narrow(middle), (x & 1) == 0 ? value : next) << value;
      ASSERT_EQ(narrow(middle - 1), value) << value;  // toward zero, whatever the sign
      ASSERT_EQ(narrow(middle + 1), next) << value;
      compared += 4;
    }
    ASSERT_EQ(narrow(widen(static_cast<uint16_t>(sign | infinity))), sign | infinity);
  }
  for (uint32_t x = infinity + 1u; x < 0x8000; ++x) ASSERT_EQ(widen(static_cast<uint16_t>(x)), 0x7FC00000u);
  std::printf("[ COMPARED ] %zu values narrowed\n", compared);
}

TEST(Narrow, F16) {
  ExpectNearestEven(0x7C00, WidenF16, NarrowF16);
  EXPECT_EQ(ValueOf(WidenF16(0x3C01)), 1.0009765625);
  EXPECT_EQ(ValueOf(WidenF16(0x0001)), 0x1p-24);
  EXPECT_EQ(ValueOf(WidenF16(0xFBFF)), -65504.0);
  EXPECT_EQ(NarrowF16(BitsOf(1e30)), 0x7C00);
  EXPECT_EQ(NarrowF16(BitsOf(-0x1p-26)), 0x8000);
  EXPECT_EQ(NarrowF16(0x7FC00001), 0x7E00);
}

TEST(Narrow, Bf16) {
  ExpectNearestEven(0x7F80, WidenBf16, NarrowBf16);
  EXPECT_EQ(ValueOf(WidenBf16(0x3F81)), 1.0078125);
  EXPECT_EQ(NarrowBf16(0x7F7FFFFF), 0x7F80);
  EXPECT_EQ(NarrowBf16(0x7F800001), 0x7FC0);
}

}  // namespace
}  // namespace invar::testing
