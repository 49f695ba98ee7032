#include "tests/adversarial/values.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "tests/functions/hard_arguments.h"
#include "tests/oracle/arithmetic.h"

namespace invar::adversarial {
namespace {

using oracle::Bits;
using oracle::FromBits;

constexpr float kMost = std::numeric_limits<float>::max();

// Draws are statements of their own: compilers evaluate operands in what order they like, and a seed's cases are to be the same
// for all of them.
uint32_t Sign(Random& r) { return static_cast<uint32_t>(r.Bits() & 1) << 31; }

// Either sign of what is drawn.
float Signed(Random& r, uint32_t magnitude) {
  const uint32_t sign = Sign(r);
  return FromBits(sign | magnitude);
}

// A value of this binade, either sign.
float OfExponent(Random& r, int exponent) {
  const uint32_t fraction = static_cast<uint32_t>(r.Bits() & 0x7FFFFFu);
  return Signed(r, static_cast<uint32_t>(exponent + 127) << 23 | fraction);
}

void Shuffle(Random& r, float* x, size_t n) {
  for (size_t i = n; i > 1; --i) std::swap(x[i - 1], x[r.Below(i)]);
}

// Moves partners of equal size apart: anywhere, into another lane, into another leaf, or the negative ones to the end.
void Scatter(Random& r, float* x, size_t n) {
  switch (r.Below(4)) {
    case 0:
      return Shuffle(r, x, n);
    case 1:
      std::stable_partition(x, x + n, [](float v) { return !(v < 0); });
      return;
    case 2:  // neighbours stay neighbours: other lanes of one leaf
      return;
    default:
      for (size_t i = 0; i + 1 < n; i += 2) {
        const size_t to = (i + 1 + 256 * (1 + r.Below(3))) % n;
        std::swap(x[i + 1], x[to]);
      }
  }
}

void OverflowHalfway(Random& r, float* x, size_t n) {
  const float most = kMost * (r.Below(2) == 0 ? 1.0f : r.Uniform(0.26f, 1.0f));
  const size_t huge = std::min(n, 2 + r.Below(8));
  for (size_t i = 0; i < n; ++i) {
    x[i] = i < huge ? (i % 2 == 0 ? most : -most) : r.Below(4) == 0 ? 0.0f : OfExponent(r, static_cast<int>(r.Below(120)));
  }
  Scatter(r, x, n);
}

void Partners(Random& r, float* x, size_t n) {
  const int top = static_cast<int>(r.Below(100));
  for (size_t i = 0; i < n; ++i) {
    if (i % 2 == 1 && r.Below(16) != 0) {
      x[i] = -x[i - 1];
    } else {
      x[i] = OfExponent(r, r.Below(8) == 0 ? top - 24 - static_cast<int>(r.Below(8)) : top - static_cast<int>(r.Below(3)));
    }
  }
  Scatter(r, x, n);
}

void OneSpecial(Random& r, float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = r.Uniform(-8, 8);
  if (n == 0) return;
  const float infinity = std::numeric_limits<float>::infinity();
  // A NaN of any payload, quiet or signalling.
  const uint32_t payload = std::max<uint32_t>(1, static_cast<uint32_t>(r.Bits() & 0x7FFFFFu));
  const float nan = Signed(r, 0x7F800000u | payload);
  switch (r.Below(5)) {
    case 0: x[r.Below(n)] = nan; break;
    case 1: x[r.Below(n)] = infinity; break;
    case 2: x[r.Below(n)] = -infinity; break;
    case 3:
      x[r.Below(n)] = infinity;
      x[r.Below(n)] = -infinity;
      break;
    default:
      for (size_t i = 0; i < n; ++i) {
        if (r.Below(3) != 0) x[i] = -infinity;  // a row mostly masked, perhaps all of it
      }
  }
}

void HardArguments(Random& r, float* x, size_t n) {
  const std::vector<float>& centres = functions_test::Centres();
  for (size_t i = 0; i < n; ++i) {
    // The reference needs many digits for these: few at a time.
    if (r.Below(16) == 0) {
      const uint32_t hard = functions_test::kHardToRound[r.Below(std::size(functions_test::kHardToRound))];
      x[i] = FromBits(hard ^ (r.Below(4) == 0 ? 0x80000000u : 0));
    } else if (r.Below(4) == 0) {
      const uint32_t off = r.Below(2) == 0 ? 0 : static_cast<uint32_t>(r.Below(65)) - 32;
      x[i] = FromBits(Bits(centres[r.Below(centres.size())]) + off);
      if (r.Below(2) == 0) x[i] = -x[i];
    } else {
      x[i] = OfExponent(r, static_cast<int>(r.Below(40)) - 30);
    }
  }
}

float Of(Random& r, Kind kind) {
  switch (kind) {
    case Kind::kAnyBits:
      return FromBits(static_cast<uint32_t>(r.Bits()));
    case Kind::kAnyFinite:
      return OfExponent(r, static_cast<int>(r.Below(254)) - 126);
    case Kind::kNearSubnormal:
      return r.Below(3) == 0 ? Signed(r, static_cast<uint32_t>(r.Bits() & 0x7FFFFFu))
                             : OfExponent(r, -126 + static_cast<int>(r.Below(4)));
    case Kind::kSignedZeros:
      return r.Below(12) == 0 ? Signed(r, 1u << r.Below(8)) : FromBits(r.Below(4) == 0 ? 0 : 0x80000000u);
    case Kind::kHalfUnits: {
      static constexpr float values[] = {1.0f,     -1.0f,    0x1p-24f,        -0x1p-24f,      0x1p-25f,
                                         0x1p-23f, 0x3p-25f, 1.0f + 0x1p-23f, 0x1.000002p-24f, 0x1.fffffep-25f};
      return values[r.Below(std::size(values))];
    }
    case Kind::kLogits:
      return r.Below(3) == 0 ? r.Uniform(-110, 0) : r.Below(2) == 0 ? r.Uniform(-1, 1) : r.Uniform(-20, 20);
    default:
      return r.Value(static_cast<testing::Values>(kind));
  }
}

}  // namespace

const char* Name(Kind kind) {
  static constexpr const char* names[] = {"normal",     "huge",     "subnormal",         "special",  "cancelling",    "zeros",
                                          "any bits",   "finite",   "overflow halfway",  "partners", "near subnormal", "ties",
                                          "one special", "signed zeros", "half units",   "logits",   "hard arguments"};
  static_assert(std::size(names) == kKinds);
  return names[static_cast<size_t>(kind)];
}

Kind DrawKind(Random& r) { return static_cast<Kind>(r.Below(kKinds)); }

void Fill(Random& r, Kind kind, float* x, size_t n) {
  switch (kind) {
    case Kind::kOverflowHalfway:
      return OverflowHalfway(r, x, n);
    case Kind::kPartners:
      return Partners(r, x, n);
    case Kind::kOneSpecial:
      return OneSpecial(r, x, n);
    case Kind::kHardArguments:
      return HardArguments(r, x, n);
    case Kind::kTies: {
      float values[4];
      const Kind of = r.Below(2) == 0 ? Kind::kNormal : Kind::kSpecial;
      for (float& v : values) v = Of(r, of);
      const size_t distinct = 1 + r.Below(4);
      for (size_t i = 0; i < n; ++i) x[i] = values[r.Below(distinct)];
      return;
    }
    default:
      for (size_t i = 0; i < n; ++i) x[i] = Of(r, kind);
  }
}

const char* Name(Pair pair) {
  static constexpr const char* names[] = {"apart",    "alike",        "halfway",      "overflow halfway",
                                          "partners", "zero factors", "tiny products"};
  static_assert(std::size(names) == kPairs);
  return names[static_cast<size_t>(pair)];
}

void Fill(Random& r, Pair pair, const Products& p) {
  const auto row = [&](size_t o) { return p.w + o * p.stride; };
  switch (pair) {
    case Pair::kApart:
    case Pair::kHalfway: {
      Fill(r, DrawKind(r), p.x, p.terms);
      const Kind kind = DrawKind(r);
      for (size_t o = 0; o < p.outputs; ++o) Fill(r, kind, row(o), p.terms);
      return;
    }
    case Pair::kAlike: {
      const Kind kind = DrawKind(r);
      Fill(r, kind, p.x, p.terms);
      for (size_t o = 0; o < p.outputs; ++o) Fill(r, kind, row(o), p.terms);
      return;
    }
    case Pair::kOverflowHalfway:
      for (size_t k = 0; k < p.terms; ++k) p.x[k] = OfExponent(r, 60 + static_cast<int>(r.Below(6)));
      for (size_t o = 0; o < p.outputs; ++o) {
        const size_t rare = 1 + r.Below(8);
        for (size_t k = 0; k < p.terms; ++k) row(o)[k] = r.Below(rare) == 0 ? OfExponent(r, 58 + static_cast<int>(r.Below(8))) : OfExponent(r, 0);
      }
      return;
    case Pair::kPartners: {
      // Pairs of terms with the same x, then w and -w: their products cancel wherever the pair is put.
      std::vector<size_t> order(p.terms);
      for (size_t k = 0; k < p.terms; ++k) order[k] = k;
      if (r.Below(3) != 0) {
        for (size_t i = p.terms; i > 1; --i) std::swap(order[i - 1], order[r.Below(i)]);
      }
      for (size_t k = 0; k + 1 < p.terms; k += 2) p.x[order[k]] = p.x[order[k + 1]] = OfExponent(r, static_cast<int>(r.Below(40)));
      if (p.terms % 2 != 0) p.x[order[p.terms - 1]] = 1.0f;
      for (size_t o = 0; o < p.outputs; ++o) {
        for (size_t k = 0; k + 1 < p.terms; k += 2) {
          row(o)[order[k]] = OfExponent(r, static_cast<int>(r.Below(10)));
          row(o)[order[k + 1]] = r.Below(16) == 0 ? FromBits(Bits(row(o)[order[k]]) ^ 0x80000001u) : -row(o)[order[k]];
        }
        if (p.terms % 2 != 0) row(o)[order[p.terms - 1]] = OfExponent(r, -20);
      }
      return;
    }
    case Pair::kZeroFactors: {
      const bool rare = r.Below(2) == 0;  // so that not every sum is a NaN
      for (size_t k = 0; k < p.terms; ++k) p.x[k] = r.Below(2) == 0 ? FromBits(Sign(r)) : r.Uniform(-2, 2);
      for (size_t o = 0; o < p.outputs; ++o) {
        for (size_t k = 0; k < p.terms; ++k) row(o)[k] = r.Uniform(-2, 2);
        if (p.terms != 0 && (!rare || r.Below(4) == 0)) {
          row(o)[r.Below(p.terms)] = Signed(r, r.Below(2) == 0 ? 0x7F800000u : 0x7F800001u);
        }
      }
      return;
    }
    case Pair::kTinyProducts: {
      const int sum = r.Below(2) == 0 ? -140 : -150;  // of the exponents: subnormal, or rounded to zero
      if (r.Below(3) == 0) {
        // All underflow to -0, and so does their sum, but where something that has no term is added.
        for (size_t k = 0; k < p.terms; ++k) p.x[k] = std::abs(OfExponent(r, -80));
        for (size_t o = 0; o < p.outputs; ++o) {
          for (size_t k = 0; k < p.terms; ++k) row(o)[k] = -std::abs(OfExponent(r, -80));
        }
        return;
      }
      for (size_t k = 0; k < p.terms; ++k) p.x[k] = r.Below(6) == 0 ? FromBits(Sign(r)) : OfExponent(r, -70 - static_cast<int>(r.Below(12)));
      for (size_t o = 0; o < p.outputs; ++o) {
        // Rows that begin with an underflow to -0 and go on with zeros show whether a term is left out.
        const bool zeros = r.Below(2) == 0;
        for (size_t k = 0; k < p.terms; ++k) {
          row(o)[k] = zeros && r.Below(8) != 0 ? FromBits(Sign(r)) : OfExponent(r, sum + 76 - static_cast<int>(r.Below(12)));
        }
      }
      return;
    }
  }
}

size_t DrawLength(Random& r, size_t most) {
  static constexpr size_t edges[] = {0,   1,   2,   3,   7,   8,   15,  16,  17,  31,  32,  33,   47,   48,   127,  128,
                                     129, 240, 255, 256, 257, 271, 272, 511, 512, 513, 767, 768,  769,  1023, 1024, 1025,
                                     1279, 1280, 1281, 1536, 1537, 1791, 1792, 1793, 2047, 2048, 2049, 2815, 2817, 3329, 4095, 4096, 4097};
  static constexpr size_t primes[] = {5, 11, 13, 19, 23, 29, 37, 61, 97, 101, 127, 191, 251, 263, 499, 521, 761, 773, 1021, 1031, 2039, 3067};
  for (;;) {
    const size_t way = r.Below(8);
    const size_t n = way < 4 ? edges[r.Below(std::size(edges))] : way < 6 ? primes[r.Below(std::size(primes))] : r.Below(way == 6 ? 64 : 1400);
    if (n <= most) return n;
  }
}

}  // namespace invar::adversarial
