#include "runtime/text/splitter.h"

#include <cstdint>

#include "runtime/text/unicode.h"

namespace invar {
namespace {

struct Point {
  uint32_t value;
  CharClass type;
  size_t offset;  // in bytes
};

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {
    points_.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t offset = at;
      const uint32_t value = NextPoint(text, &at);
      points_.push_back({value, ClassOf(value), offset});
    }
  }

  size_t size() const { return points_.size(); }
  bool Has(size_t i) const { return i < points_.size(); }
  uint32_t At(size_t i) const { return i < points_.size() ? points_[i].value : 0; }
  bool Is(size_t i, CharClass type) const { return i < points_.size() && points_[i].type == type; }
  // \r or \n
  bool LineEnd(size_t i) const { return At(i) == '\r' || At(i) == '\n'; }
  size_t Run(size_t i, CharClass type) const {
    while (Is(i, type)) ++i;
    return i;
  }
  std::string_view Piece(size_t begin, size_t end) const {
    const size_t to = end < points_.size() ? points_[end].offset : text_.size();
    return text_.substr(points_[begin].offset, to - points_[begin].offset);
  }

 private:
  std::string_view text_;
  std::vector<Point> points_;
};

// 's|'t|'re|'ve|'m|'ll|'d at i: the end of the match, or i. Without case, the long s is an s.
size_t Contraction(const Scan& s, size_t i, bool any_case) {
  if (s.At(i) != '\'') return i;
  const auto letter = [&](size_t at) -> uint32_t {
    const uint32_t p = s.At(at);
    if (!any_case) return p;
    if (p >= 'A' && p <= 'Z') return p + 32;
    return p == 0x17F ? 's' : p;
  };
  const uint32_t a = letter(i + 1), b = letter(i + 2);
  if (a == 's' || a == 't') return i + 2;
  if ((a == 'r' || a == 'v') && b == 'e') return i + 3;
  if (a == 'm') return i + 2;
  if (a == 'l' && b == 'l') return i + 3;
  return a == 'd' ? i + 2 : i;
}

// \s+(?!\S)|\s+ at i, which is a space: all of a run at the end of the text or of one character, otherwise all but the
// last, which may belong to what follows.
size_t Spaces(const Scan& s, size_t i) {
  const size_t end = s.Run(i, CharClass::kSpace);
  return s.Has(end) && end > i + 1 ? end - 1 : end;
}

size_t Gpt2Match(const Scan& s, size_t i) {
  if (const size_t end = Contraction(s, i, false); end > i) return end;
  const size_t first = s.At(i) == ' ' ? i + 1 : i;
  for (const CharClass type : {CharClass::kLetter, CharClass::kNumber, CharClass::kOther}) {
    if (s.Is(first, type)) return s.Run(first, type);
  }
  return Spaces(s, i);
}

size_t Qwen2Match(const Scan& s, size_t i, size_t most_digits) {
  if (const size_t end = Contraction(s, i, true); end > i) return end;
  const bool may_lead = !s.LineEnd(i) && !s.Is(i, CharClass::kLetter) && !s.Is(i, CharClass::kNumber);
  const size_t letters = may_lead ? i + 1 : i;
  if (s.Is(letters, CharClass::kLetter)) return s.Run(letters, CharClass::kLetter);
  if (s.Is(i, CharClass::kNumber)) {
    size_t end = i + 1;
    while (end < i + most_digits && s.Is(end, CharClass::kNumber)) ++end;
    return end;
  }
  const size_t first = s.At(i) == ' ' ? i + 1 : i;
  if (s.Is(first, CharClass::kOther)) {
    size_t end = s.Run(first, CharClass::kOther);
    while (s.LineEnd(end)) ++end;
    return end;
  }
  // \s*[\r\n]+ : up to the last line end of the run.
  const size_t run = s.Run(i, CharClass::kSpace);
  for (size_t end = run; end > i; --end) {
    if (s.LineEnd(end - 1)) return end;
  }
  return Spaces(s, i);
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

std::vector<std::string_view> Split(Splitter splitter, std::string_view text) {
  std::vector<std::string_view> pieces;
  if (text.empty()) return pieces;
  if (splitter == Splitter::kNone) return {text};
  const Scan scan(text);
  // A run of spaces is looked at once for each piece that begins in it; only its end and its last line end matter, and
  // a piece takes all of it but one, so the whole stays linear.
  for (size_t i = 0; i < scan.size();) {
    const size_t end = splitter == Splitter::kGpt2 ? Gpt2Match(scan, i)
                                                   : Qwen2Match(scan, i, splitter == Splitter::kQwen2 ? 1 : 3);
    pieces.push_back(scan.Piece(i, end));
    i = end;
  }
  return pieces;
}

}  // namespace invar
