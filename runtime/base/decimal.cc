#include "runtime/base/decimal.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace invar {

#ifdef __cpp_lib_to_chars

std::string ShortestDecimal(double value, bool exponent) {
  char text[512];
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  return std::string(text, std::to_chars(text, text + sizeof(text), value, format).ptr);
}

std::string ShortestDecimal(float value) {
  char text[64];
  return std::string(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

double ParseDecimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Too great or too small for from_chars to say which; strtod gives infinity or the nearest of the smallest.
  return error == std::errc::result_out_of_range ? std::strtod(std::string(text.data(), end).c_str(), nullptr) : value;
}

#else  // libc++ before 20 (WebAssembly), where no program sets another locale than C

namespace {

// d.ddde+xx, of as few digits as read back.
template <class T>
std::string Digits(T value, T (*parse)(const char*, char**)) {
  char text[64];
  for (int digits = 0; digits < 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*e", digits, static_cast<double>(value));
    if (parse(text, nullptr) == value) break;
  }
  return text;
}

}  // namespace

std::string ShortestDecimal(double value, bool exponent) {
  const std::string scientific = Digits<double>(value, std::strtod);
  if (exponent) return scientific;
  const size_t e = scientific.find('e'), digits = e - (scientific[0] == '-' ? 1 : 0);
  const int decimals = static_cast<int>(digits > 1 ? digits - 2 : 0) - std::atoi(scientific.c_str() + e + 1);
  char text[512];
  std::snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, value);
  return text;
}

std::string ShortestDecimal(float value) { return Digits<float>(value, std::strtof); }

double ParseDecimal(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

#endif

}  // namespace invar
