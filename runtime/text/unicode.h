// Code points: UTF-8, the classes that splitters ask for, and normalization form C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace invar {

// U+2581, which stands for a blank in SentencePiece's vocabularies.
inline constexpr std::string_view kBlank = "\xE2\x96\x81";

enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace };

// What the tables say of each code point (runtime/text/unicode_tables.h), a byte each: its CharClass (\p{L}, \p{N} and \s
// as the reference tokenizer has them) in the low two bits, and these.
inline constexpr uint8_t kClassBits = 3;
inline constexpr uint8_t kWordBit = 4;    // \w of the engine that judges single_word
inline constexpr uint8_t kMovesBit = 8;   // form C may change it, move it, or join it to what stands before
const uint8_t* PointProperties();

inline CharClass ClassOf(uint32_t point) { return static_cast<CharClass>(PointProperties()[point] & kClassBits); }

// The code point that begins at text[*at], which moves beyond it. Bytes that are not UTF-8 give U+FFFD, one for each
// maximal part of a character, as Python's and Rust's lossy decoders do.
uint32_t NextPoint(std::string_view text, size_t* at);

// The same of text that is known to be UTF-8.
inline uint32_t NextValidPoint(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[*at + i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) {
    *at += 1;
    return lead;
  }
  if (lead < 0xE0) {
    const uint32_t point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    *at += 2;
    return point;
  }
  if (lead < 0xF0) {
    const uint32_t point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    *at += 3;
    return point;
  }
  const uint32_t point = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  *at += 4;
  return point;
}

// Where the ASCII at text[at] ends, looked for eight bytes at a time; may stop up to seven bytes early.
inline size_t SkipAscii(std::string_view text, size_t at) {
  for (uint64_t word; at + 8 <= text.size(); at += 8) {
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  return at;
}

void AppendUtf8(uint32_t point, std::string* to);

bool IsValidUtf8(std::string_view text);

// The text with everything that is not UTF-8 replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

// Whether valid UTF-8 holds nothing that form C might change: most text does not.
bool IsPlainNfc(std::string_view text);

// Normalization form C of valid UTF-8, in time n log n.
std::string Nfc(std::string_view text);

// Length of the end of `text` that may be the beginning of a character whose rest is still to come.
size_t IncompleteSuffix(std::string_view text);

}  // namespace invar
