// Code points: UTF-8, the classes that splitters ask for, and normalization form C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace };

// \p{L}, \p{N} and \s as the reference tokenizer has them (runtime/text/unicode_tables.h).
CharClass ClassOf(uint32_t point);

// The code point that begins at text[*at], which moves beyond it. Bytes that are not UTF-8 give U+FFFD, one for each
// maximal part of a character, as Python's and Rust's lossy decoders do.
uint32_t NextPoint(std::string_view text, size_t* at);

void AppendUtf8(uint32_t point, std::string* to);

// The text with everything that is not UTF-8 replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

// Normalization form C of valid UTF-8.
std::string Nfc(std::string_view text);

// Length of the end of `text` that may be the beginning of a character whose rest is still to come.
size_t IncompleteSuffix(std::string_view text);

}  // namespace invar
