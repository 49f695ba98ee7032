// Lengths and values that are hard on an order of roundings: the same on every machine, for a seed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/support/values.h"

namespace invar::adversarial {

using testing::Random;

// What the values of one row are made of. The first six are tests/support/values.h's.
enum class Kind {
  kNormal,
  kHuge,
  kSubnormal,
  kSpecial,
  kCancelling,
  kZeros,
  kAnyBits,          // any 32 bits: NaNs of every payload and sign, signalling ones, every exponent
  kAnyFinite,        // every exponent, no NaN and no infinity
  kOverflowHalfway,  // sums that overflow on the way and, in another order, would not
  kPartners,         // x and -x, apart by lanes or leaves, and little values that only some orders keep
  kNearSubnormal,    // around the least normal number
  kTies,             // one to four distinct values: ties of every maximum, rows of no variance
  kOneSpecial,       // ordinary values and one NaN, infinity, or infinities of both signs
  kSignedZeros,      // zeros of both signs and a few tiny values
  kHalfUnits,        // 1 and halves of its last place: every sum is a tie or next to one
  kLogits,           // falling off as far as exp underflows
  kHardArguments     // arguments of functions that are hard to round, and where methods change
};
inline constexpr size_t kKinds = static_cast<size_t>(Kind::kHardArguments) + 1;
const char* Name(Kind);

Kind DrawKind(Random&);
void Fill(Random&, Kind, float* x, size_t n);

// What the products of two rows are made of, where they are summed.
enum class Pair {
  kApart,             // two kinds drawn on their own
  kAlike,             // one kind for both
  kHalfway,           // running sums and products that make every fused multiply-add a halfway case (halfway.h)
  kOverflowHalfway,   // products that are huge and cancel
  kPartners,          // products that cancel exactly, apart by lanes or leaves
  kZeroFactors,       // zeros of one row against NaNs, infinities and anything of the other
  kTinyProducts       // products that are subnormal or underflow to a zero of either sign
};
inline constexpr size_t kPairs = static_cast<size_t>(Pair::kTinyProducts) + 1;
const char* Name(Pair);

// x of n values against each of `outputs` rows of w, `stride` apart. `bits`: of w's significand, 24 for binary32.
// `leaf`: the terms of one chain.
struct Products {
  size_t terms, outputs;
  float* x;
  float* w;
  size_t stride;
  size_t leaf;
  int bits;
  bool tiny = false;  // kHalfway: all sums stay subnormal
};
// Fills all but kHalfway, whose chains depend on the operation's order.
void Fill(Random&, Pair, const Products&);

// A length around the edges of leaves, lanes and vectors, a prime, or any, at most `most`.
size_t DrawLength(Random&, size_t most);

}  // namespace invar::adversarial
