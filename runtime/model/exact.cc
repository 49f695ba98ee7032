#include "runtime/model/exact.h"

#include <cstring>
#include <limits>

namespace invar {
namespace {

// The unevaluated sum of two binary64 numbers, |low| at most half a unit of high's last bit: about 106 bits.
//
// Is that enough to round to binary32 as the exact real value would? Every operation below errs by at most 2^-100 of
// its result, and a frequency takes a few dozen of them: less than 2^-92 altogether. Rounding goes wrong only where the
// exact value lies that near to the middle between two binary32 values.
// - It lies on the middle: for the default and linear kinds and for attention's scale this cannot happen. A middle is
//   M 2^k with M odd, M >= 3. theta^(-p/q) / factor = M 2^k would give theta^p (M factor)^q = a power of two, and the
//   odd parts of the integers behind it multiply to 1 only if each is 1, M too. (The same with sqrt(d) (layer + 1).)
//   yarn and llama3 multiply by a ratio of integers or of config values, and a contrived config could reach a middle:
//   Round() therefore takes what is within 2^-80 of a middle for the middle itself, and rounds it to even.
// - It lies within 2^-80 of it, but not on it: 56 bits beyond binary32's own would have to come out all zeros or ones
//   by chance, for one of the few hundred constants that a model has.
//
// Build with -ffp-contract=off: a fused multiply-add in place of the two operations that are written breaks the proofs
// of the error-free sums and products.
struct Pair {
  double high = 0.0;
  double low = 0.0;
};

// Knuth's two-sum and Dekker's product: high + low is exactly a + b, and a * b.
Pair TwoSum(double a, double b) {
  const double s = a + b;
  const double t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

Pair FastTwoSum(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}

Pair Split(double a) {
  const double c = 134217729.0 * a;  // 2^27 + 1: both halves get 26 bits (Veltkamp)
  const double high = c - (c - a);
  return {high, a - high};
}

Pair TwoProduct(double a, double b) {
  const double p = a * b;
  const Pair x = Split(a), y = Split(b);
  return {p, ((x.high * y.high - p) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

Pair Of(double a) { return {a, 0.0}; }

Pair operator-(Pair a) { return {-a.high, -a.low}; }

// The accurate form (Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
// double-word arithmetic", 2017): relative error below 2^-104, operands of opposite signs included.
Pair operator+(Pair a, Pair b) {
  const Pair s = TwoSum(a.high, b.high);
  const Pair t = TwoSum(a.low, b.low);
  const Pair v = FastTwoSum(s.high, s.low + t.high);
  return FastTwoSum(v.high, t.low + v.low);
}

Pair operator-(Pair a, Pair b) { return a + -b; }

Pair operator*(Pair a, Pair b) {
  const Pair p = TwoProduct(a.high, b.high);
  return FastTwoSum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

// Long division: each quotient of binary64 leaves a remainder 2^-52 times smaller.
Pair operator/(Pair a, Pair b) {
  const double first = a.high / b.high;
  const Pair left = a - b * Of(first);
  const double second = left.high / b.high;
  const double third = (left - b * Of(second)).high / b.high;
  return FastTwoSum(first, second) + Of(third);
}

bool operator<(Pair a, Pair b) {
  const Pair difference = a - b;
  return difference.high < 0.0;
}

Pair Power(Pair a, uint32_t n) {
  Pair result = Of(1.0);
  for (; n != 0; n >>= 1, a = a * a) {
    if (n & 1) result = result * a;
  }
  return result;
}

// 2^n for a normal result.
double PowerOfTwo(int n) {
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

constexpr Pair kLn2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
constexpr Pair kTwoPi = {0x1.921fb54442d18p+2, 0x1.1a62633145c07p-52};

// atanh(s) = s + s^3/3 + s^5/5 + ... for |s| < 0.2: fewer than 30 terms matter.
Pair Atanh(Pair s) {
  const Pair square = s * s;
  Pair term = s, sum = s;
  for (int k = 3; k < 60; k += 2) {
    term = term * square;
    sum = sum + term / Of(k);
  }
  return sum;
}

// The natural logarithm of a > 0.
Pair Log(Pair a) {
  uint64_t bits;
  memcpy(&bits, &a.high, sizeof(bits));
  int exponent = static_cast<int>(bits >> 52) - 1023;
  if ((bits & 0x000FFFFFFFFFFFFFull) > 0x0006A09E667F3BCDull) ++exponent;  // m in [sqrt(1/2), sqrt(2)]
  const Pair scale = Of(PowerOfTwo(-exponent));
  const Pair m = a * scale;
  return Of(exponent) * kLn2 + Of(2.0) * Atanh((m - Of(1.0)) / (m + Of(1.0)));
}

// e^a for |a| < 700: a = n ln(2) + 16 r, and (e^r)^16 by four squarings, which cost four bits.
Pair Exp(Pair a) {
  const double magic = 0x1.8p+52;  // adding it rounds to an integer
  const double n = (a.high / kLn2.high + magic) - magic;
  const Pair r = (a - Of(n) * kLn2) * Of(1.0 / 16);
  Pair term = Of(1.0), sum = Of(1.0);
  for (int k = 1; k < 24; ++k) {  // |r| < 0.022
    term = term * r / Of(k);
    sum = sum + term;
  }
  return Power(sum, 16) * Of(PowerOfTwo(static_cast<int>(n)));
}

// 1 / sqrt(a) for a > 0, by Newton's iteration from 2^-(exponent / 2): each step doubles the correct digits.
Pair InverseSquareRoot(Pair a) {
  uint64_t bits;
  memcpy(&bits, &a.high, sizeof(bits));
  Pair y = Of(PowerOfTwo(-((static_cast<int>(bits >> 52) - 1023 + 1) / 2)));
  for (int step = 0; step < 12; ++step) y = y + y * (Of(1.0) - a * y * y) * Of(0.5);
  return y;
}

// The integer at or below a, |a| < 2^50.
Pair Floor(Pair a) {
  const double magic = 0x1.8p+52;
  double n = (a.high + magic) - magic;
  if (a < Of(n)) n = n - 1.0;
  return Of(n);
}

Pair Ceiling(Pair a) { return -Floor(-a); }

// a > 0 to the nearest binary32, ties to even; what lies within 2^-80 of a tie counts as one (see Pair).
float Round(Pair a) {
  const float nearest = static_cast<float>(a.high);  // right unless a.high is about at a middle
  uint32_t bits;
  memcpy(&bits, &nearest, sizeof(bits));
  // The middle between `nearest` and its neighbour towards a: binary64 holds it exactly.
  const Pair over = a - Of(nearest);
  if (over.high == 0.0) return nearest;
  const uint32_t other_bits = over.high > 0.0 ? bits + 1 : bits - 1;
  float other;
  memcpy(&other, &other_bits, sizeof(other));
  const double middle = 0.5 * static_cast<double>(nearest) + 0.5 * static_cast<double>(other);
  const Pair beyond = over.high > 0.0 ? a - Of(middle) : Of(middle) - a;
  const double tolerance = a.high * 0x1p-80;
  if (beyond.high > tolerance) return other;
  if (beyond.high < -tolerance) return nearest;
  return (bits & 1) ? other : nearest;
}

double OriginalLength(const RopeParameters& p) {
  return p.original_max_position_embeddings.value_or(p.max_position_embeddings);
}

// theta^(-2i/d) as e^(-(2i/d) ln theta). Powers of two come out within 2^-92 of themselves, and round to themselves.
Pair DefaultFrequency(const RopeParameters& p, uint32_t i) {
  if (i == 0) return Of(1.0);
  return Exp(-(Of(2.0 * i) * Log(Of(p.theta)) / Of(p.dimension)));
}

// yarn: the pair of dimensions, as a real number, that turns b times within the original length.
Pair CorrectionDimension(const RopeParameters& p, double b) {
  return Of(p.dimension) * Log(Of(OriginalLength(p)) / (kTwoPi * Of(b))) / (Of(2.0) * Log(Of(p.theta)));
}

std::vector<float> YarnFrequencies(const RopeParameters& p) {
  Pair low = CorrectionDimension(p, p.beta_fast.value_or(32.0));
  Pair high = CorrectionDimension(p, p.beta_slow.value_or(1.0));
  if (p.truncate) {
    low = Floor(low);
    high = Ceiling(high);
  }
  if (low < Of(0.0)) low = Of(0.0);
  if (Of(p.dimension - 1.0) < high) high = Of(p.dimension - 1.0);
  if (!(low < high) && !(high < low)) high = high + Of(1.0) / Of(1000.0);
  std::vector<float> frequencies;
  for (uint32_t i = 0; i < p.dimension / 2; ++i) {
    Pair ramp = (Of(i) - low) / (high - low);
    if (ramp < Of(0.0)) ramp = Of(0.0);
    if (Of(1.0) < ramp) ramp = Of(1.0);
    frequencies.push_back(Round(DefaultFrequency(p, i) * ((Of(1.0) - ramp) + ramp / Of(p.factor))));
  }
  return frequencies;
}

std::vector<float> Llama3Frequencies(const RopeParameters& p) {
  const Pair original = Of(OriginalLength(p)), low = Of(p.low_freq_factor), high = Of(p.high_freq_factor);
  std::vector<float> frequencies;
  for (uint32_t i = 0; i < p.dimension / 2; ++i) {
    const Pair f = DefaultFrequency(p, i);
    // Never equal to either bound: pi is transcendental and f algebraic.
    const Pair wavelength = kTwoPi / f;
    Pair scaled;
    if (wavelength < original / high) {
      scaled = f;
    } else if (original / low < wavelength) {
      scaled = f / Of(p.factor);
    } else {
      const Pair s = (original / wavelength - low) / (high - low);
      scaled = (Of(1.0) - s) * f / Of(p.factor) + s * f;
    }
    frequencies.push_back(Round(scaled));
  }
  return frequencies;
}

// longrope's sqrt(1 + ln(s) / ln(orig)), s = max_position_embeddings / orig; 1 where s <= 1.
Pair LongropeScale(const RopeParameters& p) {
  const Pair s = Of(p.max_position_embeddings) / Of(OriginalLength(p));
  if (!(Of(1.0) < s)) return Of(1.0);
  const Pair square = Of(1.0) + Log(s) / Log(Of(OriginalLength(p)));
  return square * InverseSquareRoot(square);
}

// yarn's g(s, a) = 1 where s <= 1, 0.1 a ln(s) + 1 otherwise.
Pair YarnScale(double s, double a) {
  if (s <= 1.0) return Of(1.0);
  return Of(a) * Log(Of(s)) / Of(10.0) + Of(1.0);
}

bool Positive(double x) { return x > 0.0 && x < 0x1p+200; }  // false for a NaN

}  // namespace

const char* CheckRopeParameters(const RopeParameters& p) {
  if (p.dimension == 0 || p.dimension % 2 != 0) return "rope needs an even number of dimensions";
  if (!(p.theta > 1.0 && p.theta < 0x1p+100)) return "rope_theta must be greater than 1 and less than 2^100";
  if (p.kind == RopeParameters::Kind::kDefault || p.kind == RopeParameters::Kind::kDynamic) return nullptr;
  if (p.kind == RopeParameters::Kind::kLongrope) {
    if (p.short_factor.size() != p.dimension / 2) return "rope's short_factor needs one number for each pair of dimensions";
    for (const double f : p.short_factor) {
      if (!(f > 0x1p-40 && f < 0x1p+40)) return "rope's short_factor must hold numbers between 2^-40 and 2^40";
    }
    if (!(OriginalLength(p) > 1.0 && OriginalLength(p) < 0x1p+40)) return "rope needs original_max_position_embeddings";
    if (p.attention_factor && !Positive(*p.attention_factor)) return "rope's attention_factor must be positive";
    return nullptr;
  }
  if (!(p.factor > 0x1p-40 && p.factor < 0x1p+40)) return "rope's factor must be between 2^-40 and 2^40";
  if (p.kind == RopeParameters::Kind::kLinear) return nullptr;
  if (!Positive(OriginalLength(p))) return "rope needs original_max_position_embeddings";
  if (p.kind == RopeParameters::Kind::kLlama3) {
    if (!Positive(p.low_freq_factor) || !(p.high_freq_factor > p.low_freq_factor) || !Positive(p.high_freq_factor)) {
      return "rope needs 0 < low_freq_factor < high_freq_factor";
    }
    return nullptr;
  }
  if (!Positive(p.beta_fast.value_or(32.0)) || !Positive(p.beta_slow.value_or(1.0))) {
    return "rope's beta_fast and beta_slow must be positive";
  }
  if (p.attention_factor && !Positive(*p.attention_factor)) return "rope's attention_factor must be positive";
  if ((p.mscale && !(*p.mscale >= 0.0)) || (p.mscale_all_dim && !(*p.mscale_all_dim >= 0.0))) {
    return "rope's mscale and mscale_all_dim must not be negative";
  }
  return nullptr;
}

std::vector<float> RopeFrequencies(const RopeParameters& p) {
  if (p.kind == RopeParameters::Kind::kYarn) return YarnFrequencies(p);
  if (p.kind == RopeParameters::Kind::kLlama3) return Llama3Frequencies(p);
  std::vector<float> frequencies;
  for (uint32_t i = 0; i < p.dimension / 2; ++i) {
    const double factor = p.kind == RopeParameters::Kind::kLinear     ? p.factor
                          : p.kind == RopeParameters::Kind::kLongrope ? p.short_factor[i]
                                                                      : 1.0;
    frequencies.push_back(Round(DefaultFrequency(p, i) / Of(factor)));
  }
  return frequencies;
}

float RopeAttentionFactor(const RopeParameters& p) {
  if (p.kind != RopeParameters::Kind::kYarn && p.kind != RopeParameters::Kind::kLongrope) return 1.0f;
  if (p.attention_factor) return static_cast<float>(*p.attention_factor);
  if (p.kind == RopeParameters::Kind::kLongrope) return Round(LongropeScale(p));
  if (p.mscale && p.mscale_all_dim) {
    return Round(YarnScale(p.factor, *p.mscale) / YarnScale(p.factor, *p.mscale_all_dim));
  }
  return Round(YarnScale(p.factor, 1.0));
}

float AttentionScale(uint32_t dimension, bool scale_by_dimension, uint32_t divisor) {
  const Pair scale = scale_by_dimension ? InverseSquareRoot(Of(dimension)) : Of(1.0);
  return Round(scale / Of(divisor));
}

double ExpOfDouble(double x) {
  if (x != x) return x;
  if (x > 700.0) return std::numeric_limits<double>::infinity();
  return x < -700.0 ? 0.0 : Exp(Of(x)).high;
}

double SquareRootOfDouble(double x) { return x > 0 ? (Of(x) * InverseSquareRoot(Of(x))).high : 0.0; }

}  // namespace invar
