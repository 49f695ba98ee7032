// Constants of a model that are made once, when it is loaded: exact real arithmetic on the config's binary64 values,
// rounded once to binary32 (docs/numerics.md, section 3: attention's scale, rope's frequencies and attention factor).
//
// No math library: everything is built from + - * / on pairs of binary64.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace invar {

// What a config says about rotary position embeddings. Numbers are the config's decimals read as binary64.
struct RopeParameters {
  // kDynamic and kLongrope change with the length of the text; these are their constants up to the original length.
  enum class Kind { kDefault, kLinear, kYarn, kLlama3, kDynamic, kLongrope };

  Kind kind = Kind::kDefault;
  double theta = 10000.0;    // rope_theta, the base: > 1
  uint32_t dimension = 0;    // d, the rotated part of a head: even, > 0
  double factor = 1.0;       // linear, yarn, llama3: how much longer the context became; > 0

  // yarn, llama3 and longrope: the context's length before it was extended. Without it yarn takes max_position_embeddings.
  std::optional<double> original_max_position_embeddings;
  double max_position_embeddings = 0.0;

  // yarn
  std::optional<double> beta_fast;  // 32 where absent
  std::optional<double> beta_slow;  // 1 where absent
  bool truncate = true;
  std::optional<double> attention_factor;
  std::optional<double> mscale;
  std::optional<double> mscale_all_dim;

  // llama3
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;

  // longrope: what each frequency is divided by, dimension / 2 of them
  std::vector<double> short_factor;
};

// Null, or a sentence that says what is wrong with the parameters (a caller's input error).
const char* CheckRopeParameters(const RopeParameters& parameters);

// frequency[i] for i in [0, dimension / 2). The parameters must have passed CheckRopeParameters.
std::vector<float> RopeFrequencies(const RopeParameters& parameters);

// What yarn and longrope multiply cosines and sines with; 1 for the other kinds.
float RopeAttentionFactor(const RopeParameters& parameters);

// Attention's scale for heads of the dimension d > 0: 1 / sqrt(d), or 1 where `scale_by_dimension` is false (GPT-2's
// scale_attn_weights), divided by `divisor`, 1 or (GPT-2's scale_attn_by_inverse_layer_idx) the layer's number from 1.
float AttentionScale(uint32_t dimension, bool scale_by_dimension = true, uint32_t divisor = 1);

// e^x (infinity above 700, 0 below -700), and the square root of x >= 0, to the nearest binary64 but for rare ties of the last bit: the same on
// every machine, as a math library's are not.
double ExpOfDouble(double x);
double SquareRootOfDouble(double x);

}  // namespace invar
