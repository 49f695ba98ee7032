// Llama 3's scaling of frequencies, found again. GGUF keeps only its result, what each frequency is divided by, computed in
// binary32 by whatever machine converted the model; the contract asks for exact arithmetic on the config's own numbers. So
// parameters such as models are published with are tried, and those are taken whose exact factors are the file's to within
// the noise of binary32.
#include <algorithm>

#include "runtime/model/exact.h"
#include "runtime/model/gguf_model.h"

namespace invar {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kNoise = 1.0 / 65536;  // relative: some units of binary32, grown by the interpolation

bool Near(double a, double b) { return a - b <= b * kNoise && b - a <= b * kNoise; }

double FactorOf(double frequency, double factor, double high, double original) {
  const double turns = original * frequency / kTwoPi;  // low_freq_factor is 1
  if (turns > high) return 1.0;
  if (turns < 1.0) return factor;
  const double smooth = (turns - 1.0) / (high - 1.0);
  return 1.0 / ((1.0 - smooth) / factor + smooth);
}

}  // namespace

std::optional<nlohmann::ordered_json> Llama3Scaling(const std::vector<float>& factors, double theta) {
  RopeParameters rope;
  rope.theta = theta;
  rope.dimension = static_cast<uint32_t>(2 * factors.size());
  if (factors.empty() || CheckRopeParameters(rope) != nullptr) return std::nullopt;
  const std::vector<float> plain = RopeFrequencies(rope);

  std::vector<double> scales = {8, 32, 2, 4, 16, 64};
  const float greatest = *std::max_element(factors.begin(), factors.end());
  if (greatest > 1 && greatest < 1e6f) scales.insert(scales.begin(), ConfigDecimal(greatest));

  std::optional<nlohmann::ordered_json> found;
  std::vector<float> frequencies;
  for (const double scale : scales) {
    for (const double high : {4.0, 2.0, 8.0, 16.0, 32.0}) {
      for (int original = 8192, i = -9; i <= 8; ++i) {
        // The published 8192 first, then every power of two from 16 on.
        if (i > -9) original = i <= 0 ? 8192 >> -i : 8192 << i;
        bool fits = true;
        for (size_t k = 0; k < factors.size() && fits; ++k) {
          fits = Near(static_cast<double>(factors[k]), FactorOf(static_cast<double>(plain[k]), scale, high, original));
        }
        if (!fits) continue;
        rope.kind = RopeParameters::Kind::kLlama3;
        rope.factor = scale;
        rope.high_freq_factor = high;
        rope.original_max_position_embeddings = original;
        if (CheckRopeParameters(rope) != nullptr) continue;
        std::vector<float> exact = RopeFrequencies(rope);
        if (!found) {
          frequencies = std::move(exact);
          found = {{"rope_type", "llama3"},     {"factor", scale},         {"low_freq_factor", 1.0},
                   {"high_freq_factor", high}, {"original_max_position_embeddings", original}};
        } else if (exact != frequencies) {
          return std::nullopt;
        }
      }
    }
  }
  return found;
}

}  // namespace invar
