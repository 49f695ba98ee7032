#include <algorithm>
#include <cctype>

#include "runtime/base/error.h"
#include "runtime/text/jinja/syntax.h"

namespace invar::jinja {
namespace {

constexpr const char* kBlanks = " \t\r\n\v\f";

bool NameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool Digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool NamePart(char c) { return NameStart(c) || Digit(c); }

int Lines(const std::string& s, size_t begin, size_t end) {
  return static_cast<int>(std::count(s.begin() + static_cast<ptrdiff_t>(begin), s.begin() + static_cast<ptrdiff_t>(end), '\n'));
}

void AppendUtf8(uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// The string that begins at source[i], a quote; i moves past its end.
std::string StringAt(const std::string& source, size_t& i, int line, const std::string& name) {
  const char quote = source[i];
  std::string text;
  for (++i; i < source.size() && source[i] != quote; ++i) {
    if (source[i] != '\\') {
      text += source[i];
      continue;
    }
    if (++i == source.size()) break;
    const char c = source[i];
    static const std::string plain = "ntrbfav\\'\"", meaning = "\n\t\r\b\f\a\v\\'\"";
    if (const size_t at = plain.find(c); at != plain.npos) {
      text += meaning[at];
    } else if (c == '\n') {
      continue;  // a line that goes on
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      uint32_t code = 0;
      for (size_t k = 0; k < digits; ++k) {
        const char h = i + 1 + k < source.size() ? source[i + 1 + k] : '\0';
        if (!std::isxdigit(static_cast<unsigned char>(h))) Fail(name, line, std::string("\\") + c + " needs " + std::to_string(digits) + " hexadecimal digits");
        code = code << 4 | static_cast<uint32_t>(Digit(h) ? h - '0' : (h | 0x20) - 'a' + 10);
      }
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) Fail(name, line, "an escape names no character");
      AppendUtf8(code, text);
      i += digits;
    } else if (c >= '0' && c <= '7') {
      Fail(name, line, "an octal escape is not supported");
    } else {
      text += '\\';  // as Python leaves an escape that it does not know
      text += c;
    }
  }
  if (i >= source.size()) Fail(name, line, "a string does not end");
  ++i;
  return text;
}

}  // namespace

void Fail(const std::string& name, int line, const std::string& what) {
  throw Error(name + ", line " + std::to_string(line) + ": " + what);
}

std::vector<Token> Lex(const std::string& source, int line, const std::string& name) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < source.size();) {
    const char c = source[i];
    const size_t begin = i;
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++i;
    } else if (NameStart(c)) {
      while (i < source.size() && NamePart(source[i])) ++i;
      tokens.push_back({Token::kName, source.substr(begin, i - begin), line});
    } else if (Digit(c)) {
      const auto digits = [&] { while (i < source.size() && (Digit(source[i]) || source[i] == '_')) ++i; };
      digits();
      bool fraction = false;
      if (i + 1 < source.size() && source[i] == '.' && Digit(source[i + 1])) {
        fraction = true;
        ++i;
        digits();
      }
      if (i < source.size() && (source[i] | 0x20) == 'e') {
        size_t at = i + 1;
        if (at < source.size() && (source[at] == '+' || source[at] == '-')) ++at;
        if (at < source.size() && Digit(source[at])) {
          fraction = true;
          i = at;
          digits();
        }
      }
      std::string text = source.substr(begin, i - begin);
      std::erase(text, '_');
      if (text.size() > (fraction ? 64 : 18)) Fail(name, line, "a number is too long");
      tokens.push_back({fraction ? Token::kFloat : Token::kInteger, text, line});
    } else if (c == '\'' || c == '"') {
      std::string text = StringAt(source, i, line, name);
      tokens.push_back({Token::kString, std::move(text), line});
    } else {
      static const std::vector<std::string> pairs = {"==", "!=", "<=", ">=", "//", "**"};
      const std::string two = source.substr(i, 2);
      const bool pair = std::find(pairs.begin(), pairs.end(), two) != pairs.end();
      tokens.push_back({Token::kOperator, pair ? two : std::string(1, c), line});
      i += pair ? 2 : 1;
    }
    line += Lines(source, begin, i);
  }
  tokens.push_back({Token::kEnd, "", line});
  return tokens;
}

namespace {

// What stands between raw, whose tag has just ended at `at`, and endraw is text. Returns where the tag of endraw ends.
size_t Raw(const std::string& source, size_t at, const std::string& name, int* line, bool* strip_next, bool* trim_newline,
           std::vector<Part>& parts) {
  for (size_t tag = source.find("{%", at); tag != source.npos; tag = source.find("{%", tag + 2)) {
    size_t word = tag + 2;
    const char sign = word < source.size() ? source[word] : '\0';
    if (sign == '-' || sign == '+') ++word;
    word = std::min(source.find_first_not_of(kBlanks, word), source.size());
    if (source.compare(word, 6, "endraw") != 0) continue;
    size_t end = std::min(source.find_first_not_of(kBlanks, word + 6), source.size());
    const char last = end < source.size() ? source[end] : '\0';
    if (last == '-' || last == '+') ++end;
    if (source.compare(end, 2, "%}") != 0) continue;
    std::string text = source.substr(at, tag - at);
    const int begun = *line;
    // The line end behind raw's own tag stays: trim_blocks is not about it.
    if (*strip_next) text.erase(0, std::min(text.find_first_not_of(kBlanks), text.size()));
    const size_t kept = text.find_last_not_of(sign == '-' ? kBlanks : " \t");
    const bool line_begins = kept != text.npos && text[kept] == '\n';
    if (sign == '-' || (sign != '+' && line_begins)) text.erase(kept == text.npos ? 0 : kept + 1);
    if (!text.empty()) parts.push_back({Part::kText, text, begun});
    *line += Lines(source, at, end);
    *strip_next = last == '-';
    *trim_newline = last != '+';
    return end + 2;
  }
  Fail(name, *line, "'endraw' is missing");
}

}  // namespace

std::vector<Part> Cut(const std::string& source, const std::string& name) {
  std::vector<Part> parts;
  int line = 1;
  bool strip_next = false, trim_newline = false, trimmed = false;
  for (size_t at = 0;;) {
    size_t tag = source.find('{', at);
    while (tag != source.npos && (tag + 1 >= source.size() || std::string("{%#").find(source[tag + 1]) == std::string::npos)) {
      tag = source.find('{', tag + 1);
    }
    std::string before = source.substr(at, tag == source.npos ? source.npos : tag - at);
    const int lines = Lines(before, 0, before.size());
    trimmed = false;
    if (strip_next) {
      before.erase(0, std::min(before.find_first_not_of(kBlanks), before.size()));
    } else if (trim_newline && !before.empty() && before[0] == '\n') {
      before.erase(0, 1);  // trim_blocks
      trimmed = true;
    }
    if (tag == source.npos) {
      if (!before.empty() && before.back() == '\n') before.pop_back();
      if (!before.empty()) parts.push_back({Part::kText, before, line});
      return parts;
    }
    const char kind = source[tag + 1];
    const char* close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    const char sign = tag + 2 < source.size() ? source[tag + 2] : '\0';
    if (sign == '-') {
      const size_t last = before.find_last_not_of(kBlanks);
      before.erase(last == before.npos ? 0 : last + 1);
    } else if (kind != '{' && sign != '+') {
      // lstrip_blocks: blanks between the start of a line and a block's tag go.
      const size_t last = before.find_last_not_of(" \t");
      if (last == before.npos ? (at == 0 || trimmed) : before[last] == '\n') {
        before.erase(last == before.npos ? 0 : last + 1);
      }
    }
    if (!before.empty()) parts.push_back({Part::kText, before, line});
    line += lines;
    const size_t inner_begin = tag + 2 + (sign == '-' || sign == '+' ? 1 : 0);
    // A closing brace inside a string, or the one of a dict, does not close.
    size_t end = inner_begin;
    int braces = 0;
    for (char quote = 0; end + 1 < source.size(); ++end) {
      const char c = source[end];
      if (kind != '#') {
        if (quote != 0) {
          if (c == '\\') {
            ++end;
          } else if (c == quote) {
            quote = 0;
          }
          continue;
        }
        if (c == '\'' || c == '"') {
          quote = c;
          continue;
        }
        if (c == '{') ++braces;
        if (c == '}' && braces > 0) {
          --braces;
          continue;
        }
      }
      if (braces == 0 && source.compare(end, 2, close) == 0) break;
    }
    if (end + 1 >= source.size()) Fail(name, line, "a tag does not end");
    size_t inner_end = end;
    const char last_sign = inner_end > inner_begin ? source[inner_end - 1] : '\0';
    strip_next = last_sign == '-';
    // trim_blocks: the line end after a block's or a comment's tag goes, unless a + keeps it.
    trim_newline = kind != '{' && last_sign != '+';
    if (last_sign == '-' || (last_sign == '+' && kind != '{')) --inner_end;
    std::string inner = source.substr(inner_begin, inner_end - inner_begin);
    at = end + 2;
    line += Lines(source, tag, at);
    if (kind == '%') {
      const std::vector<Token> words = Lex(inner, line, name);
      if (words[0].text == "raw" && words[0].kind == Token::kName && words[1].kind == Token::kEnd) {
        at = Raw(source, at, name, &line, &strip_next, &trim_newline, parts);
        continue;
      }
    }
    if (kind != '#') parts.push_back({kind == '{' ? Part::kOutput : Part::kStatement, std::move(inner), line});
  }
}

}  // namespace invar::jinja
