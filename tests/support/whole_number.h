// Numbers on the command lines of programs that prove something: one that is misread proves less, and nobody would know.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace invar::testing {

// Decimal, or hexadecimal after 0x; nothing around it. What is wrong, in a sentence.
template <class Integer>
std::optional<std::string> ParseWhole(const std::string& option, const std::string& text, uint64_t least, uint64_t most, Integer* number) {
  const bool hexadecimal = text.starts_with("0x");
  const char* end = text.data() + text.size();
  uint64_t value = 0;
  const auto [at, error] = std::from_chars(text.data() + (hexadecimal ? 2 : 0), end, value, hexadecimal ? 16 : 10);
  if (error != std::errc() || at != end || value < least || value > most) {
    return option + " '" + text + "' is not a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  }
  *number = static_cast<Integer>(value);
  return std::nullopt;
}

}  // namespace invar::testing
