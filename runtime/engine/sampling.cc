#include "runtime/engine/sampling.h"

#include <algorithm>
#include <limits>
#include <string>

#include "invar/float_env.h"
#include "runtime/base/error.h"

namespace invar {
namespace {

bool IsNan(float x) { return x != x; }
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct U128 {
  uint64_t high, low;
  friend bool operator>=(const U128& a, const U128& b) {
    return a.high != b.high ? a.high > b.high : a.low >= b.low;
  }
};

// By halves, so that targets without a 128-bit type compute it too.
U128 Multiply(uint64_t a, uint64_t b) {
  const uint64_t a0 = a & 0xFFFFFFFFu, a1 = a >> 32, b0 = b & 0xFFFFFFFFu, b1 = b >> 32;
  const uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
  const uint64_t middle = (p00 >> 32) + (p01 & 0xFFFFFFFFu) + (p10 & 0xFFFFFFFFu);
  return {p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32), (middle << 32) | (p00 & 0xFFFFFFFFu)};
}

// round-to-even(x * 2^32) for x >= 0 of binary32: the product is exact in binary64, and so is its fraction.
uint64_t Scaled(float x) {
  const double v = static_cast<double>(x) * 4294967296.0;
  if (v >= 9007199254740992.0) return static_cast<uint64_t>(v);
  const uint64_t whole = static_cast<uint64_t>(v);
  const double fraction = v - static_cast<double>(whole);
  const bool up = fraction > 0.5 || (fraction == 0.5 && (whole & 1) != 0);
  return whole + (up ? 1 : 0);
}

void CheckLogits(const std::vector<float>& x) {
  bool finite = false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (IsNan(x[i]) || x[i] == kInfinity) {
      throw Error("the logit of token " + std::to_string(i) + " is " + (IsNan(x[i]) ? "NaN" : "+infinity") +
                  ", so no token can be chosen; check the checkpoint and the sampling parameters");
    }
    finite = finite || x[i] != -kInfinity;
  }
  if (!finite) throw Error("no logit is finite, so no token can be chosen; check the logit bias");
}

struct Candidate {
  int32_t id;
  float x;
  uint64_t w;
};

// A row after bias and penalties, in the contract's order, each step rounded to binary32.
std::vector<float> Adjusted(const SamplingParameters& p, const float* logits, size_t vocab_size,
                            const TokenCounts& counts) {
  std::vector<float> x(logits, logits + vocab_size);
  for (const auto& [id, bias] : p.logit_bias) {
    if (id < 0 || static_cast<size_t>(id) >= vocab_size) {
      throw UsageError("logit bias for token " + std::to_string(id) + ", which is outside the vocabulary of " +
                       std::to_string(vocab_size));
    }
    x[id] = x[id] + static_cast<float>(bias);
  }
  // The contract errs "at any step": a NaN or infinity that a later step would hide must still be one.
  CheckLogits(x);
  const float repetition = static_cast<float>(p.repetition_penalty);
  const float frequency = static_cast<float>(p.frequency_penalty), presence = static_cast<float>(p.presence_penalty);
  for (const auto& entry : counts.counts()) {
    const int32_t id = entry.first;
    if (id < 0 || static_cast<size_t>(id) >= vocab_size) continue;
    float v = x[id];
    const auto step = [&](float next) {
      v = next;
      if (IsNan(v) || v == kInfinity) {
        x[id] = v;
        CheckLogits(x);
      }
    };
    step(v > 0 ? v / repetition : v * repetition);
    const float product = frequency * static_cast<float>(entry.second);
    step(v - product);
    if (entry.second > 0) step(v - presence);
    x[id] = v;
  }
  return x;
}

}  // namespace

void SamplingParameters::Check() const {
  const ScopedFloatEnv env;
  const auto require = [](bool ok, const char* message) {
    if (!ok) throw UsageError(message);
  };
  constexpr double kHuge = std::numeric_limits<float>::max();
  const auto finite = [](double v) { return v >= -kHuge && v <= kHuge; };
  require(finite(temperature) && temperature >= 0, "the temperature must be a number from 0 to 3.4028235e38, the largest that binary32 has; 0 is greedy");
  require(temperature == 0 || static_cast<float>(temperature) > 0, "the temperature is too small for binary32; use 0");
  require(top_p > 0, "top-p must be more than 0; 1 switches it off");
  require(min_p <= 1, "min-p must be at most 1; 0 switches it off");
  require(finite(repetition_penalty) && static_cast<float>(repetition_penalty) > 0,
          "the repetition penalty must be a number above 0 and up to 3.4028235e38, the largest that binary32 has; 1 switches it off");
  require(finite(frequency_penalty) && finite(presence_penalty),
          "penalties must be numbers from -3.4028235e38 to 3.4028235e38, the ends of binary32's");
  for (const auto& [id, bias] : logit_bias) {
    require(bias == bias && bias <= kHuge, "a logit bias must be a number up to 3.4028235e38, the largest that binary32 has; -infinity forbids a token");
  }
}

PhiloxWords Philox(const uint32_t key[2], const uint32_t counter[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  PhiloxWords c = {{counter[0], counter[1], counter[2], counter[3]}};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c.v[0], p1 = uint64_t{0xCD9E8D57u} * c.v[2];
    c = {{static_cast<uint32_t>(p1 >> 32) ^ c.v[1] ^ k0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c.v[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

int32_t SampleToken(const Kernels& kernels, const SamplingParameters& p, const float* logits, size_t vocab_size,
                    const TokenCounts& counts, uint32_t position, uint32_t choice) {
  const ScopedFloatEnv env;
  std::vector<float> x = Adjusted(p, logits, vocab_size, counts);
  CheckLogits(x);
  const float temperature = static_cast<float>(p.temperature);
  if (temperature == 0) {
    int64_t index = -1;
    const invar_reduce_args args = {vocab_size, x.data(), nullptr, nullptr, &index};
    kernels.argmax(&args);
    return static_cast<int32_t>(index);
  }
  for (float& v : x) v = v / temperature;
  CheckLogits(x);

  std::vector<Candidate> candidates(vocab_size);
  for (size_t i = 0; i < vocab_size; ++i) candidates[i] = {static_cast<int32_t>(i), x[i], 0};
  if (p.top_k > 0 && p.top_k < vocab_size) {
    const auto before = [](const Candidate& a, const Candidate& b) { return a.x != b.x ? a.x > b.x : a.id < b.id; };
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(p.top_k), candidates.end(), before);
    candidates.resize(p.top_k);
  }

  float m = -kInfinity;
  for (const Candidate& c : candidates) m = c.x > m ? c.x : m;
  std::vector<float> e(candidates.size());
  for (size_t i = 0; i < e.size(); ++i) e[i] = candidates[i].x - m;
  const invar_map_args args = {e.size(), e.data(), nullptr, e.data()};
  kernels.exp(&args);
  uint64_t total = 0;
  for (size_t i = 0; i < e.size(); ++i) total += candidates[i].w = Scaled(e[i]);

  const float top_p = static_cast<float>(p.top_p), min_p = static_cast<float>(p.min_p);
  if (top_p < 1 || min_p > 0) {
    std::sort(candidates.begin(), candidates.end(),
              [](const Candidate& a, const Candidate& b) { return a.w != b.w ? a.w > b.w : a.id < b.id; });
    if (top_p < 1) {
      const U128 wanted = Multiply(Scaled(top_p), total);
      uint64_t sum = 0;
      size_t kept = 0;
      do {
        sum += candidates[kept++].w;
      } while (kept < candidates.size() && !(U128{sum >> 32, sum << 32} >= wanted));
      candidates.resize(kept);
    }
    if (min_p > 0) {
      const uint64_t least = Scaled(min_p);
      size_t kept = 1;
      while (kept < candidates.size() && candidates[kept].w >= least) ++kept;
      candidates.resize(kept);
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });

  total = 0;
  for (const Candidate& c : candidates) total += c.w;
  const uint32_t key[2] = {static_cast<uint32_t>(p.seed), static_cast<uint32_t>(p.seed >> 32)};
  const uint32_t counter[4] = {position, choice, 0, 0};
  const PhiloxWords words = Philox(key, counter);
  const uint64_t r = (uint64_t{words.v[1]} << 32) | words.v[0];
  const uint64_t t = Multiply(r, total).high;
  uint64_t cumulative = 0;
  for (const Candidate& c : candidates) {
    cumulative += c.w;
    if (cumulative > t) return c.id;
  }
  return candidates.back().id;  // not reached: t < total
}

}  // namespace invar
