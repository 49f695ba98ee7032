#include "runtime/engine/sampling.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "invar/float_env.h"
#include "runtime/base/bits.h"
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

// round-to-even(x * 2^32) for x in [0, 1]: the product is exact in binary64, and adding 2^52, above which there are no
// fractions, rounds it and leaves the integer in the lower bits.
uint64_t Scaled(float x) {
  constexpr double kWhole = 4503599627370496.0;
  const double v = static_cast<double>(x) * 4294967296.0;
  return BitCast<uint64_t>(v + kWhole) - BitCast<uint64_t>(kWhole);
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

// The first of the greatest logits. Throws as CheckLogits does, which is asked only where one pass of a kernel met something.
size_t Greatest(const Kernels& kernels, const std::vector<float>& x) {
  int64_t index = -1;
  const invar_reduce_args args = {x.size(), x.data(), nullptr, nullptr, &index};
  kernels.argmax(&args);
  const bool fine = index >= 0 && x[static_cast<size_t>(index)] < kInfinity && x[static_cast<size_t>(index)] > -kInfinity;
  if (!fine) CheckLogits(x);
  return static_cast<size_t>(index);
}

// Makes x a row after bias and penalties, in the contract's order, each step rounded to binary32.
void Adjust(const SamplingParameters& p, const float* logits, size_t vocab_size, const TokenCounts& counts, std::vector<float>& x) {
  x.assign(logits, logits + vocab_size);
  for (const auto& [id, bias] : p.logit_bias) {
    if (id < 0 || static_cast<size_t>(id) >= vocab_size) {
      throw UsageError("logit bias for token " + std::to_string(id) + ", which is outside the vocabulary of " +
                       std::to_string(vocab_size));
    }
    x[id] = x[id] + static_cast<float>(bias);
  }
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
}

// Tokens that may be drawn, ids ascending. Kept from token to token: what the system gives and takes back each time it also
// clears, which takes longer than most of what is computed here.
struct Candidates {
  std::vector<float> x;  // of all ids: adjusted, and divided by the temperature
  std::vector<int32_t> ids;
  std::vector<float> e;     // of each id: x less the greatest, then its exponential
  std::vector<uint64_t> w;  // round-to-even(e * 2^32)
  std::vector<float> maxima;
  std::vector<size_t> places;

  // Leaves those for whose place `keep` holds.
  template <class Keep>
  void Filter(const Keep& keep) {
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      ids[kept] = ids[i];
      w[kept] = w[i];
      kept += keep(i) ? 1 : 0;
    }
    ids.resize(kept), w.resize(kept);
  }
};

// ids: the k greatest of x, of equal ones those of the lowest ids; 0 < k < x.size().
void TopK(size_t k, Candidates& c) {
  const std::vector<float>& x = c.x;
  // As many parts' maxima as k are no less than some bound: so are k of all, and few more of which to choose.
  constexpr size_t kPart = 64;
  const size_t parts = x.size() / kPart;
  float bound = -kInfinity;
  if (k < parts) {
    c.maxima.resize(parts);
    for (size_t part = 0; part < parts; ++part) {
      c.maxima[part] = *std::max_element(x.begin() + static_cast<ptrdiff_t>(part * kPart), x.begin() + static_cast<ptrdiff_t>((part + 1) * kPart));
    }
    const auto kth = c.maxima.begin() + static_cast<ptrdiff_t>(k - 1);
    std::nth_element(c.maxima.begin(), kth, c.maxima.end(), std::greater<>());
    bound = *kth;
  }
  c.ids.clear();
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] >= bound) c.ids.push_back(static_cast<int32_t>(i));
  }
  const auto before = [&](int32_t a, int32_t b) {
    const float xa = x[static_cast<size_t>(a)], xb = x[static_cast<size_t>(b)];
    return xa != xb ? xa > xb : a < b;
  };
  std::nth_element(c.ids.begin(), c.ids.begin() + static_cast<ptrdiff_t>(k), c.ids.end(), before);
  c.ids.resize(k);
  std::sort(c.ids.begin(), c.ids.end());
}

// ids and e of what can have a weight. One of zero changes nothing below: no prefix of top-p needs it, and it is never drawn.
void Likely(float greatest, Candidates& c) {
  constexpr float kWeightless = -23;  // e^-23 * 2^32 = 0.44
  const size_t n = c.x.size();
  c.ids.resize(n), c.e.resize(n);
  size_t kept = 0;
  for (size_t i = 0; i < n; ++i) {
    const float difference = c.x[i] - greatest;
    c.ids[kept] = static_cast<int32_t>(i);
    c.e[kept] = difference;
    kept += difference > kWeightless ? 1 : 0;
  }
  c.ids.resize(kept), c.e.resize(kept);
}

// Leaves the shortest prefix, by weights descending and then ids, whose sum is that share of the total.
void TopP(uint64_t share, uint64_t total, Candidates& c) {
  const U128 wanted = Multiply(share, total);
  const auto reached = [&](uint64_t sum) { return U128{sum >> 32, sum << 32} >= wanted; };
  // Sums by the exponent and four more bits of a weight tell in which of these the prefix ends: only that one is sorted.
  constexpr size_t kBins = 34 * 16;
  const auto bin_of = [](uint64_t w) {
    const uint32_t bits = BitCast<uint32_t>(static_cast<float>(static_cast<int64_t>(w)));
    return w == 0 ? 0 : (bits >> 19) - (127u << 4) + 1;
  };
  uint64_t sums[kBins] = {};
  for (const uint64_t w : c.w) sums[bin_of(w)] += w;
  size_t bin = kBins - 1;
  uint64_t sum = 0;
  while (sums[bin] == 0 || !reached(sum + sums[bin])) sum += sums[bin--];  // ends: a share below one of a total above zero

  c.places.clear();
  for (size_t i = 0; i < c.w.size(); ++i) {
    if (bin_of(c.w[i]) == bin) c.places.push_back(i);
  }
  std::sort(c.places.begin(), c.places.end(), [&](size_t a, size_t b) { return c.w[a] != c.w[b] ? c.w[a] > c.w[b] : a < b; });
  size_t kept = 0;
  do sum += c.w[c.places[kept++]];
  while (!reached(sum));
  const size_t last = c.places[kept - 1];
  const uint64_t least = c.w[last];
  c.Filter([&](size_t i) { return c.w[i] > least || (c.w[i] == least && i <= last); });
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
  static thread_local Candidates c;
  Adjust(p, logits, vocab_size, counts, c.x);
  size_t greatest = Greatest(kernels, c.x);
  const float temperature = static_cast<float>(p.temperature);
  if (temperature == 0) return static_cast<int32_t>(greatest);
  for (float& v : c.x) v = v / temperature;
  greatest = Greatest(kernels, c.x);

  if (p.top_k > 0 && p.top_k < vocab_size) {
    TopK(static_cast<size_t>(p.top_k), c);
    c.e.resize(c.ids.size());
    for (size_t i = 0; i < c.ids.size(); ++i) c.e[i] = c.x[static_cast<size_t>(c.ids[i])] - c.x[greatest];
  } else {
    Likely(c.x[greatest], c);
  }
  const invar_map_args args = {c.e.size(), c.e.data(), nullptr, c.e.data()};
  kernels.exp(&args);
  c.w.resize(c.e.size());
  uint64_t total = 0;
  for (size_t i = 0; i < c.e.size(); ++i) total += c.w[i] = Scaled(c.e[i]);

  const float top_p = static_cast<float>(p.top_p), min_p = static_cast<float>(p.min_p);
  if (top_p < 1) TopP(Scaled(top_p), total, c);
  if (min_p > 0) {  // the greatest's own weight, 2^32, is no less
    const uint64_t least = Scaled(min_p);
    c.Filter([&](size_t i) { return c.w[i] >= least; });
  }

  total = 0;
  for (const uint64_t w : c.w) total += w;
  const uint32_t key[2] = {static_cast<uint32_t>(p.seed), static_cast<uint32_t>(p.seed >> 32)};
  const uint32_t counter[4] = {position, choice, 0, 0};
  const PhiloxWords words = Philox(key, counter);
  const uint64_t r = (uint64_t{words.v[1]} << 32) | words.v[0];
  const uint64_t t = Multiply(r, total).high;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < c.w.size(); ++i) {
    cumulative += c.w[i];
    if (cumulative > t) return c.ids[i];
  }
  return c.ids.back();  // not reached: t < total
}

}  // namespace invar
