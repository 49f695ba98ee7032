#include "tests/oracle/sampling.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tests/oracle/arithmetic.h"

namespace invar::oracle {
namespace {

using Wide = unsigned __int128;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void Check(const std::vector<float>& x) {
  bool any_finite = false;
  for (const float v : x) {
    if (v != v || v == kInfinity) throw SamplingError("a NaN or +infinity");
    any_finite = any_finite || v > -kInfinity;
  }
  if (!any_finite) throw SamplingError("no finite x");
}

// round-to-even(x * 2^32), from the bits of x >= 0.
uint64_t TimesTwoTo32(float x) {
  const uint32_t bits = Bits(x);
  const int exponent = static_cast<int>(bits >> 23) - 127;
  if (bits >> 23 == 0) return 0;  // below 2^-126
  const uint64_t significand = (bits & 0x7FFFFFu) | 0x800000u;  // x = significand * 2^(exponent - 23)
  const int shift = exponent - 23 + 32;
  if (shift >= 0) return significand << shift;
  if (shift < -40) return 0;
  const uint64_t whole = significand >> -shift, rest = significand - (whole << -shift), half = uint64_t{1} << (-shift - 1);
  return whole + (rest > half || (rest == half && whole % 2 == 1) ? 1 : 0);
}

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const uint64_t left = static_cast<uint64_t>(c[0]) * 0xD2511F53u, right = static_cast<uint64_t>(c[2]) * 0xCD9E8D57u;
    c = {static_cast<uint32_t>(right >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(right),
         static_cast<uint32_t>(left >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(left)};
  }
  return c;
}

}  // namespace

int32_t Sample(const Sampling& p, std::vector<float> x, const std::map<int32_t, uint64_t>& generated, uint32_t position,
               uint32_t choice) {
  for (const auto& [id, b] : p.bias) x[id] = x[id] + b;
  Check(x);
  for (const auto& [id, count] : generated) x[id] = x[id] > 0 ? x[id] / p.repetition : x[id] * p.repetition;
  Check(x);
  for (const auto& [id, count] : generated) {
    const float product = p.frequency * static_cast<float>(count);
    x[id] = x[id] - product;
  }
  Check(x);
  for (const auto& [id, count] : generated) {
    if (count > 0) x[id] = x[id] - p.presence;
  }
  Check(x);
  if (p.temperature == 0) return static_cast<int32_t>(std::max_element(x.begin(), x.end()) - x.begin());
  for (float& v : x) v = v / p.temperature;
  Check(x);

  std::vector<int32_t> kept;
  for (size_t i = 0; i < x.size(); ++i) kept.push_back(static_cast<int32_t>(i));
  std::stable_sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) { return x[a] > x[b]; });
  if (p.top_k > 0 && p.top_k < kept.size()) kept.resize(p.top_k);
  const float m = x[kept[0]];
  std::map<int32_t, uint64_t> w;
  Wide total = 0;
  for (const int32_t id : kept) total += w[id] = TimesTwoTo32(Exp(x[id] - m));

  std::sort(kept.begin(), kept.end());
  std::stable_sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) { return w[a] > w[b]; });
  if (p.top_p < 1) {
    Wide sum = 0;
    size_t count = 0;
    while (count == 0 || (count < kept.size() && (sum << 32) < TimesTwoTo32(p.top_p) * total)) sum += w[kept[count++]];
    kept.resize(count);
  }
  if (p.min_p > 0) {
    const int32_t first = kept[0];
    std::erase_if(kept, [&](int32_t id) { return id != first && w[id] < TimesTwoTo32(p.min_p); });
  }

  std::sort(kept.begin(), kept.end());
  total = 0;
  for (const int32_t id : kept) total += w[id];
  const std::array<uint32_t, 4> v =
      Philox4x32({position, choice, 0, 0}, static_cast<uint32_t>(p.seed), static_cast<uint32_t>(p.seed >> 32));
  const Wide r = (Wide{v[1]} << 32) + v[0], t = (r * total) >> 64;
  Wide cumulative = 0;
  for (const int32_t id : kept) {
    cumulative += w[id];
    if (cumulative > t) return id;
  }
  throw std::logic_error("the draw is below the total");
}

}  // namespace invar::oracle
