// Rope's frequencies by MPFR with 300 bits, from formulas written down again here from docs/numerics.md, section 3: what
// runtime/model/exact.cc is compared with.
#pragma once

#include <mpfr.h>

#include <cstdint>

#include "runtime/model/exact.h"

namespace invar::rope_test {

// A 300-bit number with the operators that the formulas need.
class Big {
 public:
  Big(double x = 0.0) {  // NOLINT: numbers convert
    mpfr_init2(v_, 300);
    mpfr_set_d(v_, x, MPFR_RNDN);
  }
  Big(const Big& other) {
    mpfr_init2(v_, 300);
    mpfr_set(v_, other.v_, MPFR_RNDN);
  }
  Big& operator=(const Big& other) {
    mpfr_set(v_, other.v_, MPFR_RNDN);
    return *this;
  }
  ~Big() { mpfr_clear(v_); }

  friend Big operator+(const Big& a, const Big& b) { return Make(mpfr_add, a, b); }
  friend Big operator-(const Big& a, const Big& b) { return Make(mpfr_sub, a, b); }
  friend Big operator*(const Big& a, const Big& b) { return Make(mpfr_mul, a, b); }
  friend Big operator/(const Big& a, const Big& b) { return Make(mpfr_div, a, b); }
  friend bool operator<(const Big& a, const Big& b) { return mpfr_less_p(a.v_, b.v_) != 0; }
  friend bool operator==(const Big& a, const Big& b) { return mpfr_equal_p(a.v_, b.v_) != 0; }
  friend Big Pow(const Big& a, const Big& b) { return Make(mpfr_pow, a, b); }
  Big Log() const {
    Big r;
    mpfr_log(r.v_, v_, MPFR_RNDN);
    return r;
  }
  Big Sqrt() const {
    Big r;
    mpfr_sqrt(r.v_, v_, MPFR_RNDN);
    return r;
  }
  Big Floor() const {
    Big r;
    mpfr_floor(r.v_, v_);
    return r;
  }
  Big Ceiling() const {
    Big r;
    mpfr_ceil(r.v_, v_);
    return r;
  }
  static Big Pi() {
    Big r;
    mpfr_const_pi(r.v_, MPFR_RNDN);
    return r;
  }
  // To binary32, once; every value here is in the range of its normal numbers.
  float Round() const {
    mpfr_t f;
    mpfr_init2(f, 24);
    mpfr_set(f, v_, MPFR_RNDN);
    const double exact = mpfr_get_d(f, MPFR_RNDN);
    mpfr_clear(f);
    return static_cast<float>(exact);
  }

 private:
  template <class F>
  static Big Make(F f, const Big& a, const Big& b) {
    Big r;
    f(r.v_, a.v_, b.v_, MPFR_RNDN);
    return r;
  }
  mpfr_t v_;
};

inline Big Default(double theta, uint32_t d, uint32_t i) { return Pow(theta, Big(-2.0 * i) / Big(d)); }

inline Big Clamp(const Big& x, double low, double high) { return x < low ? Big(low) : Big(high) < x ? Big(high) : x; }

inline double Original(const RopeParameters& p) {
  return p.original_max_position_embeddings ? *p.original_max_position_embeddings : p.max_position_embeddings;
}

inline Big Yarn(const RopeParameters& p, uint32_t i) {
  const Big d = p.dimension, two = 2.0;
  const auto correction = [&](double b) {
    return d * (Big(Original(p)) / (two * Big::Pi() * Big(b))).Log() / (two * Big(p.theta).Log());
  };
  Big low = correction(p.beta_fast.value_or(32)), high = correction(p.beta_slow.value_or(1));
  if (p.truncate) low = low.Floor(), high = high.Ceiling();
  if (low < 0.0) low = 0.0;
  if (d - Big(1) < high) high = d - Big(1);
  if (low == high) high = high + Big(1) / Big(1000);
  const Big ramp = Clamp((Big(i) - low) / (high - low), 0.0, 1.0);
  return Default(p.theta, p.dimension, i) * ((Big(1) - ramp) + ramp / Big(p.factor));
}

inline Big Llama3(const RopeParameters& p, uint32_t i) {
  const Big f = Default(p.theta, p.dimension, i);
  const Big w = Big(2) * Big::Pi() / f, orig = Original(p);
  const Big low = p.low_freq_factor, high = p.high_freq_factor;
  if (w < orig / high) return f;
  if (orig / low < w) return f / Big(p.factor);
  const Big s = (orig / w - low) / (high - low);
  return (Big(1) - s) * f / Big(p.factor) + s * f;
}

// The frequency of any kind, and what cosines and sines are multiplied with.
inline Big Frequency(const RopeParameters& p, uint32_t i) {
  switch (p.kind) {
    case RopeParameters::Kind::kYarn:
      return Yarn(p, i);
    case RopeParameters::Kind::kLlama3:
      return Llama3(p, i);
    case RopeParameters::Kind::kLinear:
      return Default(p.theta, p.dimension, i) / Big(p.factor);
    case RopeParameters::Kind::kLongrope:
      return Default(p.theta, p.dimension, i) / Big(p.short_factor[i]);
    case RopeParameters::Kind::kDefault:
    case RopeParameters::Kind::kDynamic:
      break;
  }
  return Default(p.theta, p.dimension, i);
}

}  // namespace invar::rope_test
