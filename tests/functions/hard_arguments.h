// Arguments at which an implementation of exp, log, tanh, erfc, sin or cos is most likely to be wrong.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/bits.h"
#include "tests/functions/hardest_arguments.h"

namespace invar {
namespace functions_test {

// Where an implementation, this one or another, changes its method or its result's kind, and arguments that are hard to
// round: their neighbourhoods are tried on both sides of zero.
inline const std::vector<float>& Centres() {
  static const std::vector<float> centres = {
      // zeros, subnormals, the first normal number, the last finite one and what lies beyond
      0.0f, 0x1p-149f, 0x1p-127f, 0x1p-126f, 0x1.fffffep+127f,
      // exp: overflow, the first subnormal result, the last result that is not zero; ties of 1 + x
      0x1.62e42ep+6f, 0x1.5d589ep+6f, 0x1.9fe368p+6f, 89.0f, 104.0f, 0x1p-24f, 0x1p-25f, 0x1p-23f,
      // the middles of its reduction, ln(2) / 2 + n ln(2)
      0x1.62e43p-2f, 0x1.0a2b24p+0f, 0x1.bb9d3cp+0f,
      // log: 1, sqrt(1/2), sqrt(2)
      1.0f, 0x1.6a09e6p-1f, 0x1.6a09e6p+0f, 2.0f, 0.5f,
      // tanh: it becomes x, and 1
      0x1p-12f, 0x1.205966p+3f, 9.0f, 10.0f, 0x1.62e43p-3f,
      // erfc: it becomes 2, subnormal, and 0
      0x1.eadp+1f, 3.9f, 0x1.26p+3f, 0x1.41bbf8p+3f, 10.0625f,
      // sin and cos: multiples of pi / 4, the end of the short reduction, the float nearest to a multiple of pi / 2
      0x1.921fb6p-1f, 0x1.921fb6p+0f, 0x1.2d97c8p+1f, 0x1.921fb6p+1f, 0x1p+22f, 0x1p+23f, 0x1.6a0d5p+24f,
      0x1.f3eec8p+72f, 0x1.47d0fep+34f, 0x1.8bc5eap+103f,
  };
  return centres;
}

// Arguments whose exact results lie so near to the middle between two binary32 values that one or another evaluation in
// binary64 got them wrong: found by trying all 2^32. Hard for one function, ordinary for the others.
inline constexpr uint32_t kHardToRound[] = {
    0x3C413D3Au, 0x41178FEBu, 0x4C5D65A5u, 0x65D890D3u, 0x6F31A8ECu,                            // log
    0x40C0D2A2u, 0xB76C9F62u,                                                                  // erfc
    0x46199998u, 0x4967CB9Bu, 0x49A07D9Fu, 0x49E264F4u, 0x4A384104u, 0x4A544628u,              // sin
    0x46F85A22u, 0x495B1FA5u, 0x49D77FC2u, 0x4A01DCA4u, 0x4A09BA6Du, 0x4A2FF82Cu, 0x4A339B16u,  // cos
    0x4A41B37Bu, 0x5F18B878u, 0x6115CB11u,
};

// One list for each function, in the order of their names in reference.h.
inline std::vector<std::span<const uint32_t>> HardestArguments() {
  return {kHardestOf_exp, kHardestOf_log, kHardestOf_tanh, kHardestOf_erfc, kHardestOf_sin, kHardestOf_cos};
}

// `width` neighbours on each side of a centre, and it, with either sign.
inline void AddAround(uint32_t centre, uint32_t width, std::vector<uint32_t>& arguments) {
  for (uint32_t i = 0; i <= 2 * width; ++i) {
    arguments.push_back(centre - width + i);
    arguments.push_back((centre - width + i) ^ 0x80000000u);
  }
}

// As bits: the centres with `centre_width` neighbours on each side, every power of two with `power_width`, what is hard to
// round, and what has its own meaning. The fingerprints' corpus is made of these: they stay as they are.
inline std::vector<uint32_t> NamedArguments(uint32_t centre_width, uint32_t power_width) {
  std::vector<uint32_t> arguments = {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0xFFFFFFFFu};
  const auto around = [&](uint32_t centre, uint32_t width) { AddAround(centre, width, arguments); };
  for (const float centre : Centres()) around(BitCast<uint32_t>(centre), centre_width);
  for (const uint32_t argument : kHardToRound) around(argument, 16);
  for (uint32_t exponent = 0; exponent < 256; ++exponent) around(exponent << 23, power_width);
  return arguments;
}

// The named ones with wide neighbourhoods, and every function's hardest with either sign: what every test of a function tries.
inline std::vector<uint32_t> EveryHardArgument() {
  std::vector<uint32_t> arguments = NamedArguments(2048, 64);
  // exp in pairs: where it ends, and the middles of its reduction and the places between, multiples of ln(2) / 32.
  AddAround(BitCast<uint32_t>(87.0f), 2048, arguments);
  for (int i = 1; i <= 4016; ++i) AddAround(BitCast<uint32_t>(static_cast<float>(i * 0x1.62e42fefa39efp-6)), 2, arguments);
  for (const std::span<const uint32_t> list : HardestArguments()) {
    for (const uint32_t argument : list) arguments.insert(arguments.end(), {argument, argument ^ 0x80000000u});
  }
  return arguments;
}

}  // namespace functions_test
}  // namespace invar
