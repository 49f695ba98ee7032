#include "runtime/text/splitter.h"

#include <cstdint>

#include "runtime/text/unicode.h"

namespace invar {
namespace {

struct Char {
  uint32_t value;
  uint8_t type;  // a CharClass, or kEnd
  size_t end;    // in bytes, where the next begins
};

constexpr uint8_t kEnd = 0xFF;  // beyond the text: of no class
constexpr uint8_t Type(CharClass type) { return static_cast<uint8_t>(type); }
constexpr uint8_t kOther = Type(CharClass::kOther), kLetter = Type(CharClass::kLetter),
                  kNumber = Type(CharClass::kNumber), kSpace = Type(CharClass::kSpace);

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text), properties_(PointProperties()) {}

  size_t size() const { return text_.size(); }
  Char At(size_t at) const {
    if (at >= text_.size()) return {0, kEnd, at};
    const uint32_t value = NextValidPoint(text_, &at);
    return {value, static_cast<uint8_t>(properties_[value] & kClassBits), at};
  }
  bool Is(size_t at, char ascii) const { return at < text_.size() && text_[at] == ascii; }
  bool LineEnd(size_t at) const { return Is(at, '\r') || Is(at, '\n'); }
  size_t Run(size_t at, uint8_t type) const {
    for (;;) {
      const Char c = At(at);
      if (c.type != type) return at;
      at = c.end;
    }
  }

 private:
  std::string_view text_;
  const uint8_t* properties_;
};

// 's|'t|'re|'ve|'m|'ll|'d at the apostrophe `at`: the end of the match, or `at`. Without case, the long s is an s.
size_t Contraction(const Scan& s, size_t at, bool any_case) {
  const auto letter = [&](const Char& c) -> uint32_t {
    if (!any_case) return c.value;
    if (c.value >= 'A' && c.value <= 'Z') return c.value + 32;
    return c.value == 0x17F ? 's' : c.value;
  };
  const Char first = s.At(at + 1);
  const uint32_t a = letter(first);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return first.end;
  if (a != 'r' && a != 'v' && a != 'l') return at;
  const Char second = s.At(first.end);
  return letter(second) == (a == 'l' ? 'l' : 'e') ? second.end : at;
}

// \s+(?!\S)|\s+ at a space: all of a run at the end of the text or of one character, otherwise all but the last, which may
// belong to what follows.
size_t Spaces(const Scan& s, size_t at) {
  size_t end = at, last = at;
  for (Char c = s.At(at); c.type == kSpace; c = s.At(end)) {
    last = end;
    end = c.end;
  }
  return end < s.size() && last > at ? last : end;
}

size_t Gpt2Match(const Scan& s, size_t at) {
  if (s.Is(at, '\'')) {
    if (const size_t end = Contraction(s, at, false); end > at) return end;
  }
  const Char c = s.At(s.Is(at, ' ') ? at + 1 : at);
  if (c.type != kSpace && c.type != kEnd) return s.Run(c.end, c.type);
  return Spaces(s, at);
}

size_t Qwen2Match(const Scan& s, size_t at, int most_digits) {
  if (s.Is(at, '\'')) {
    if (const size_t end = Contraction(s, at, true); end > at) return end;
  }
  const Char c = s.At(at);
  if (c.type == kLetter) return s.Run(c.end, kLetter);
  if (c.type == kNumber) {
    size_t end = c.end;
    for (Char next = s.At(end); --most_digits > 0 && next.type == kNumber; next = s.At(end)) end = next.end;
    return end;
  }
  const Char next = s.At(c.end);
  if (next.type == kLetter && c.value != '\r' && c.value != '\n') return s.Run(next.end, kLetter);
  if (c.type == kOther || (c.value == ' ' && next.type == kOther)) {
    size_t end = s.Run(c.type == kOther ? c.end : next.end, kOther);
    while (s.LineEnd(end)) ++end;
    return end;
  }
  // \s*[\r\n]+ : up to the last line end of the run.
  size_t line_end = at;
  for (Char space = c; space.type == kSpace; space = s.At(space.end)) {
    if (space.value == '\r' || space.value == '\n') line_end = space.end;
  }
  return line_end > at ? line_end : Spaces(s, at);
}

}  // namespace

std::optional<Splitter> SplitterOf(std::string_view pattern) {
  if (pattern == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") return Splitter::kGpt2;
  const std::string_view head = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  const std::string_view tail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (pattern.size() > head.size() + tail.size() && pattern.substr(0, head.size()) == head &&
      pattern.substr(pattern.size() - tail.size()) == tail) {
    const std::string_view digits = pattern.substr(head.size(), pattern.size() - head.size() - tail.size());
    if (digits == R"(\p{N})") return Splitter::kQwen2;
    if (digits == R"(\p{N}{1,3})") return Splitter::kLlama3;
  }
  return std::nullopt;
}

size_t PieceEnd(Splitter splitter, std::string_view text, size_t at) {
  const Scan scan(text);
  // A run of spaces is looked at once for each piece that begins in it, and a piece takes all of it but one, or all up to
  // its last line end: so the whole stays linear.
  switch (splitter) {
    case Splitter::kNone: break;
    case Splitter::kGpt2: return Gpt2Match(scan, at);
    case Splitter::kQwen2: return Qwen2Match(scan, at, 1);
    case Splitter::kLlama3: return Qwen2Match(scan, at, 3);
  }
  return text.size();
}

}  // namespace invar
