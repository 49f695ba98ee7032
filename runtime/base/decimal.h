// Decimal text of floating-point numbers, the same on every standard library and in every locale.
#pragma once

#include <string>
#include <string_view>

namespace invar {

// The shortest digits that read back as `value`, which is finite: plain ("0.001") or with an exponent ("1e-03").
std::string ShortestDecimal(double value, bool exponent);
std::string ShortestDecimal(float value);  // with an exponent where that is shorter

// The binary64 nearest to a decimal number, which `text` is known to be.
double ParseDecimal(std::string_view text);

}  // namespace invar
