#include "runtime/weights/narrow.h"

#include <bit>

namespace invar {
namespace {

constexpr uint32_t kInfinity = 0x7F800000, kNan = 0x7FC00000;

// x / 2^shift to nearest, ties to even; shift from 1 to 31.
uint32_t ShiftToNearest(uint32_t x, unsigned shift) {
  const uint32_t half = (uint32_t{1} << (shift - 1)) - 1, odd = x >> shift & 1;
  return static_cast<uint32_t>((uint64_t{x} + half + odd) >> shift);
}

}  // namespace

uint32_t WidenBf16(uint16_t value) {
  const uint32_t bits = uint32_t{value} << 16;
  return (bits & 0x7FFFFFFF) > kInfinity ? kNan : bits;
}

uint32_t WidenF16(uint16_t value) {
  const uint32_t sign = uint32_t{value & 0x8000u} << 16, exponent = value >> 10 & 0x1F, fraction = value & 0x3FF;
  if (exponent == 0x1F) return fraction != 0 ? kNan : sign | kInfinity;
  if (exponent != 0) return sign | (exponent + 112) << 23 | fraction << 13;
  if (fraction == 0) return sign;
  // Subnormal: its leading one becomes the implicit one.
  const unsigned width = static_cast<unsigned>(std::bit_width(fraction));
  return sign | (102 + width) << 23 | (fraction << (24 - width) & 0x7FFFFF);
}

uint16_t NarrowBf16(uint32_t bits) {
  if ((bits & 0x7FFFFFFF) > kInfinity) return 0x7FC0;
  return static_cast<uint16_t>(ShiftToNearest(bits, 16));
}

uint16_t NarrowF16(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (magnitude > kInfinity) return 0x7E00;
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7C00);  // 65536 and more
  // Normal results: the carry of the rounding runs into the exponent, up to infinity.
  if (magnitude >= 0x38800000) return static_cast<uint16_t>(sign | ShiftToNearest(magnitude - 0x38000000, 13));
  const uint32_t exponent = magnitude >> 23;
  if (exponent < 102) return sign;  // below half of the least subnormal
  const uint32_t fraction = (magnitude & 0x7FFFFF) | 0x800000;
  return static_cast<uint16_t>(sign | ShiftToNearest(fraction, 126 - exponent));
}

}  // namespace invar
