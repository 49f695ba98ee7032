// Halfway cases of the fused multiply-add, made and not met by chance: a * b + c exactly in the middle between two
// binary32, or so near to it that a sum rounded to binary64 first falls on the middle and then rounds the wrong way. Where
// a processor has no fused multiply-add, what decides is the error term of the emulation (include/invar/simd/fma-inl.h).
#pragma once

#include "tests/adversarial/values.h"

namespace invar::adversarial {

struct Product {
  float a, b;
};

// a * b is an odd multiple of half a unit of s's last place, or 2^-30 to 2^-46 of itself beside that. b has `bits`
// significant bits. `scale` is the exponent that a takes. s is normal.
Product BesideHalfUnit(Random&, float s, int bits, int scale);

// a * b lies exactly in the middle between two binary32, with its greatest bit at 2^exponent: the sign of any c however
// little decides.
Product Middle(Random&, int bits, int exponent);

// a * b is half of the least subnormal number, or 2^-30 to 2^-46 of itself beside that: a tie of any subnormal c.
Product BesideHalfOfLeast(Random&, int bits);

// One chain for each output over p.terms terms, starting anew every p.leaf terms, whose every step is such a case.
void FillHalfway(Random&, const Products& p);

}  // namespace invar::adversarial
