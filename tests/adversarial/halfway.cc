#include "tests/adversarial/halfway.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <vector>

#include "tests/oracle/arithmetic.h"

namespace invar::adversarial {
namespace {

float WithSign(Random& r, float x) { return (r.Bits() & 1) != 0 ? -x : x; }

// Significands whose product is 2^width, exactly or but for one unit; b of at most 8 or 24 bits.
struct Partners {
  uint32_t a, b;
  int width;
};
constexpr Partners kPartners8[] = {{5237765, 205, 30}, {4648233, 231, 30}, {1, 1, 0}, {1 << 12, 1 << 3, 15}};
constexpr Partners kPartners24[] = {{8384513, 8392705, 46}, {8388607, 8388609, 46}, {8392705, 8384513, 46},
                                    {5237765, 205, 30},     {4648233, 231, 30},     {1, 1, 0}};
static_assert(uint64_t{5237765} * 205 == (uint64_t{1} << 30) + 1 && uint64_t{4648233} * 231 == (uint64_t{1} << 30) - 1);
static_assert(uint64_t{8384513} * 8392705 == (uint64_t{1} << 46) + 1);
static_assert(uint64_t{8388607} * 8388609 == (uint64_t{1} << 46) - 1);

Partners Draw(Random& r, int bits) {
  return bits < 24 ? kPartners8[r.Below(std::size(kPartners8))] : kPartners24[r.Below(std::size(kPartners24))];
}

// About 2^exponent, of either sign: partners, a taking the exponent `scale`.
Product About(Random& r, const Partners& p, int exponent, int scale) {
  const int a_shift = scale - static_cast<int>(std::bit_width(p.a)) + 1;
  return {WithSign(r, std::ldexp(static_cast<float>(p.a), a_shift)),
          WithSign(r, std::ldexp(static_cast<float>(p.b), exponent - p.width - a_shift))};
}

// The exponent of half a unit of s's last place; of a sum that is not in a normal binade, any.
int HalfUnitOf(float s) {
  return std::isfinite(s) && std::abs(s) >= 0x1p-100f ? std::ilogb(s) - 24 : -24;
}

// What one step of all chains does.
enum class Step { kStart, kHalfUnit, kBack, kTiny, kMiddle, kSubnormal, kHalfOfLeast };

}  // namespace

Product BesideHalfUnit(Random& r, float s, int bits, int scale) {
  return About(r, Draw(r, bits), HalfUnitOf(s), scale);
}

Product Middle(Random& r, int bits, int exponent) {
  // Odd b, and odd a such that the product has 25 bits.
  const int b_bits = 2 + static_cast<int>(r.Below(static_cast<size_t>(std::min(bits, 12) - 1)));
  const uint32_t b = (1u << (b_bits - 1)) | 1u | static_cast<uint32_t>(r.Below(size_t{1} << (b_bits - 1)));
  const uint32_t low = ((1u << 24) + b - 1) / b, high = ((1u << 25) - 1) / b;
  uint32_t a = (low + static_cast<uint32_t>(r.Below(high - low + 1))) | 1u;
  if (a > high) a -= 2;
  const int b_shift = -b_bits;  // b about 1
  return {WithSign(r, std::ldexp(static_cast<float>(a), exponent - 24 - b_shift)),
          WithSign(r, std::ldexp(static_cast<float>(b), b_shift))};
}

Product BesideHalfOfLeast(Random& r, int bits) { return About(r, Draw(r, bits), -150, -75); }

void FillHalfway(Random& r, const Products& p) {
  std::vector<float> s(p.outputs, 0.0f);
  const auto least = [&s] { return std::any_of(s.begin(), s.end(), [](float v) { return std::abs(v) < 0x1p-90f; }); };
  Step next = Step::kStart;
  int scale = 0;
  for (size_t k = 0; k < p.terms; ++k) {
    if (k % p.leaf == 0) {
      std::fill(s.begin(), s.end(), 0.0f);
      const size_t way = r.Below(4);
      next = p.tiny || way == 3 ? Step::kSubnormal : way < 2 ? Step::kStart : Step::kTiny;
    }
    const Step step = next;
    const int exponent = static_cast<int>(r.Below(40)) - 20;
    // x is common to all outputs: the first of them decides.
    const auto fill = [&](const auto& product) {
      const Product first = product(0, 0);
      p.x[k] = first.a;
      for (size_t o = 0; o < p.outputs; ++o) {
        const float b = o == 0 ? first.b : product(o, first.a).b;
        p.w[o * p.stride + k] = b;
        s[o] = oracle::Fma(p.x[k], b, s[o]);
      }
    };
    switch (step) {
      case Step::kStart:
        fill([&](size_t, float) { return Product{1.0f, WithSign(r, std::ldexp(r.Uniform(1, 2), p.bits < 24 ? 0 : exponent / 4))}; });
        next = Step::kHalfUnit;
        scale = exponent;
        break;
      case Step::kHalfUnit: {
        const Partners partners = Draw(r, p.bits);
        const float sign = WithSign(r, 1.0f);
        fill([&](size_t o, float) {
          Product product = About(r, partners, HalfUnitOf(s[o]), scale);
          product.a = std::copysign(product.a, sign);
          return product;
        });
        next = r.Below(6) == 0 && p.bits == 24 ? Step::kBack : least() ? Step::kStart : Step::kHalfUnit;
        break;
      }
      case Step::kBack:  // to zero, exactly
        fill([&](size_t o, float) { return Product{1.0f, -s[o]}; });
        next = r.Below(2) == 0 ? Step::kTiny : Step::kSubnormal;
        break;
      case Step::kTiny: {
        const float tiny = std::ldexp(1.0f, -60 - static_cast<int>(r.Below(85)));
        fill([&](size_t, float) { return Product{tiny, WithSign(r, 1.0f)}; });
        next = Step::kMiddle;
        break;
      }
      case Step::kMiddle: {
        const Product middle = Middle(r, p.bits, exponent);
        fill([&](size_t, float) { return Product{middle.a, WithSign(r, middle.b)}; });
        scale = exponent;
        next = Step::kHalfUnit;
        break;
      }
      case Step::kSubnormal: {
        const float tiny = std::ldexp(static_cast<float>(1 + r.Below(0x7FFFFF)), -149);
        fill([&](size_t, float) { return Product{tiny, WithSign(r, 1.0f)}; });
        next = Step::kHalfOfLeast;
        break;
      }
      case Step::kHalfOfLeast: {
        const Product half = BesideHalfOfLeast(r, p.bits);
        fill([&](size_t, float) { return Product{half.a, WithSign(r, half.b)}; });
        next = p.tiny || r.Below(4) != 0 ? Step::kHalfOfLeast : Step::kStart;
        break;
      }
    }
  }
}

}  // namespace invar::adversarial
