// The functions of docs/numerics.md, section 5, correctly rounded, one argument at a time: what the vector code is
// compared with. Independent of it: no table, coefficient or line of code is shared.
#pragma once

#include <cstdint>

namespace invar {
namespace functions_test {

enum class Function { kExp, kLog, kTanh, kErfc, kSin, kCos };
constexpr int kFunctions = 6;

const char* Name(Function function);

// The bits of the correctly rounded binary32 value, any NaN as 0x7FC00000. Where `asked_mpfr` is given it is increased if
// the fast filters could not decide.
uint32_t Reference(Function function, uint32_t argument, uint64_t* asked_mpfr = nullptr);

// Whether the exact result lies within so many units of binary64 (64: 2^-47 of it), as far as the C library's function tells,
// of the middle between two binary32 values: where an evaluation in binary64 could round wrongly.
bool IsHardToRound(Function function, uint32_t argument, uint64_t units = 64);

// The same as Reference by MPFR alone, without the fast filters.
uint32_t ReferenceByMpfr(Function function, uint32_t argument);

}  // namespace functions_test
}  // namespace invar
