// Python's methods of strings and dicts, and the text operations that filters share with them.
#include <algorithm>
#include <set>

#include "runtime/text/jinja/builtins.h"
#include "runtime/text/jinja/syntax.h"

namespace invar::jinja {

std::vector<std::string> CharactersOf(const std::string& s) {
  std::vector<std::string> characters;
  for (const char c : s) {
    if ((c & 0xC0) != 0x80 || characters.empty()) characters.emplace_back();
    characters.back() += c;
  }
  return characters;
}

// Python's str.isspace of one character.
bool IsSpace(const std::string& c) {
  static const std::vector<std::string> wide = {
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
      "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
      "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  if (c.size() == 1) return (c[0] >= '\t' && c[0] <= '\r') || (c[0] >= 0x1C && c[0] <= ' ');
  return std::find(wide.begin(), wide.end(), c) != wide.end();
}

std::string Strip(const std::string& s, const Arguments& a, bool left, bool right) {
  a.Accept(1, {"chars"});
  const Value* set = a.Find(0, "chars");
  std::vector<std::string> chosen;
  if (set != nullptr && !set->Is<None>()) chosen = CharactersOf(a.String(0, "chars"));
  const bool blanks = set == nullptr || set->Is<None>();
  const auto goes = [&](const std::string& c) {
    return blanks ? IsSpace(c) : std::find(chosen.begin(), chosen.end(), c) != chosen.end();
  };
  std::vector<std::string> characters = CharactersOf(s);
  size_t begin = 0, end = characters.size();
  while (left && begin < end && goes(characters[begin])) ++begin;
  while (right && end > begin && goes(characters[end - 1])) --end;
  std::string out;
  for (size_t i = begin; i < end; ++i) out += characters[i];
  return out;
}

// Case of text beyond ASCII is a table of its own: refused, never wrong.
std::string Cased(const std::string& s, const Arguments& a, const std::string& how) {
  std::string out = s;
  bool start = true;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) a.Refuse(how + " of text beyond ASCII is not supported");
    const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    const bool up = how == "upper" || (how == "title" && start) || (how == "capitalize" && &c == &out[0]);
    if (letter) c = static_cast<char>(up ? c & ~0x20 : c | 0x20);
    start = !letter;
  }
  return out;
}

std::string Replace(const std::string& s, const std::string& from, const std::string& to, int64_t most) {
  std::string out;
  size_t at = 0;
  if (from.empty()) {  // between all characters, and at both ends
    for (const std::string& c : CharactersOf(s)) {
      if (most != 0) out += to, --most;
      out += c;
    }
    return most != 0 ? out + to : out;
  }
  for (size_t found; most != 0 && (found = s.find(from, at)) != s.npos; --most) {
    out.append(s, at, found - at).append(to);
    at = found + from.size();
  }
  return out.append(s, at, s.npos);
}

namespace {

List Split(const std::string& s, const Arguments& a) {
  a.Accept(2, {"sep", "maxsplit"});
  int64_t most = a.Integer(1, "maxsplit", -1);
  const Value* separator = a.Find(0, "sep");
  List parts;
  if (separator == nullptr || separator->Is<None>()) {
    std::string word;
    const std::vector<std::string> characters = CharactersOf(s);
    size_t i = 0;
    const auto skip = [&] { while (i < characters.size() && IsSpace(characters[i])) ++i; };
    for (skip(); i < characters.size(); skip()) {
      const bool rest = most == 0;
      for (word.clear(); i < characters.size() && (rest || !IsSpace(characters[i])); ++i) word += characters[i];
      parts.emplace_back(word);
      --most;
    }
    return parts;
  }
  const std::string by = a.String(0, "sep");
  if (by.empty()) a.Refuse("the separator is empty");
  size_t at = 0;
  for (size_t found; most != 0 && (found = s.find(by, at)) != s.npos; --most) {
    parts.emplace_back(s.substr(at, found - at));
    at = found + by.size();
  }
  parts.emplace_back(s.substr(at));
  return parts;
}

List SplitFromTheEnd(const std::string& s, const Arguments& a) {
  a.Accept(2, {"sep", "maxsplit"});
  const std::string by = a.String(0, "sep");  // without one Python splits at blanks: not supported from the end
  if (by.empty()) a.Refuse("the separator is empty");
  int64_t most = a.Integer(1, "maxsplit", -1);
  List parts;
  size_t end = s.size();
  for (size_t found; most != 0 && end >= by.size() && (found = s.rfind(by, end - by.size())) != s.npos; --most) {
    parts.emplace_back(s.substr(found + by.size(), end - found - by.size()));
    end = found;
  }
  parts.emplace_back(s.substr(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

bool Begins(const std::string& s, const Value& with, const Arguments& a, bool end) {
  if (with.IsList() && with.form == Form::kTuple) {
    return std::any_of(with.list().begin(), with.list().end(), [&](const Value& w) { return Begins(s, w, a, end); });
  }
  if (!with.IsString()) a.Refuse("it takes a text or a tuple of them");
  return end ? s.ends_with(with.string()) : s.starts_with(with.string());
}

}  // namespace

Method MethodOf(const Value& self, const std::string& name) {
  static const std::set<std::string> of_dicts = {"copy", "fromkeys", "get", "items", "keys", "values"};
  static const std::set<std::string> change_dicts = {"clear", "pop", "popitem", "setdefault", "update"};
  static const std::set<std::string> change_lists = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
  static const std::set<std::string> of_texts = {
      "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format", "format_map", "index",
      "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace",
      "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix", "removesuffix",
      "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
      "swapcase", "title", "translate", "upper", "zfill"};
  const auto among = [&](const std::set<std::string>& names) { return names.count(name) != 0; };
  if (self.IsDict()) return among(of_dicts) ? Method::kGiven : among(change_dicts) ? Method::kForbidden : Method::kNone;
  if (self.IsString()) return among(of_texts) ? Method::kGiven : Method::kNone;
  if (!self.IsPlainList()) return Method::kNone;
  if (name == "count" || name == "index") return Method::kGiven;
  if (self.form == Form::kTuple) return Method::kNone;
  return name == "copy" ? Method::kGiven : among(change_lists) ? Method::kForbidden : Method::kNone;
}

std::optional<Value> CallMethod(const Value& self, const std::string& name, const Arguments& a) {
  if (self.IsDict()) {
    if (name == "get") {
      a.Accept(2);
      const Value* found = Find(self.dict(), a.String(0, "key"));
      return found != nullptr ? *found : a.positional.size() > 1 ? a.positional[1] : Value(None{});
    }
    if (name != "items" && name != "keys" && name != "values") return std::nullopt;
    a.Accept(0);
    List parts;
    for (const auto& [key, value] : self.dict()) {
      parts.push_back(name == "items" ? Tuple({key, value}) : name == "keys" ? Value(key) : value);
    }
    return WithForm(std::move(parts), Form::kView);
  }
  if (!self.IsString()) return std::nullopt;
  const std::string& s = self.string();
  if (name == "strip") return Strip(s, a, true, true);
  if (name == "lstrip") return Strip(s, a, true, false);
  if (name == "rstrip") return Strip(s, a, false, true);
  if (name == "split") return Split(s, a);
  if (name == "rsplit") return SplitFromTheEnd(s, a);
  if (name == "splitlines") {
    a.Accept(0);
    List lines;
    for (size_t at = 0; at < s.size();) {
      const size_t end = std::min(s.find_first_of("\r\n", at), s.size());
      lines.emplace_back(s.substr(at, end - at));
      at = end + (s.compare(end, 2, "\r\n") == 0 ? 2 : 1);
    }
    return lines;
  }
  if (name == "startswith" || name == "endswith") {
    if (a.positional.size() != 1) a.Refuse("it takes one argument");
    return Begins(s, a.positional[0], a, name == "endswith");
  }
  if (name == "upper" || name == "lower" || name == "title" || name == "capitalize") return a.Accept(0), Value(Cased(s, a, name));
  if (name == "replace") return Replace(s, a.String(0, "old"), a.String(1, "new"), a.Integer(2, "count", -1));
  if (name == "join") {
    a.Accept(1);
    std::string out;
    bool first = true;
    for (const Value& part : Items(a.positional.empty() ? Value() : a.positional[0], a)) {
      if (!part.IsString()) a.Refuse("it joins texts only");
      out += (first ? "" : s) + part.string();
      first = false;
    }
    return out;
  }
  if (name == "removeprefix" || name == "removesuffix") {
    const std::string part = a.String(0, "affix");
    if (name == "removeprefix") return s.starts_with(part) ? s.substr(part.size()) : s;
    return s.ends_with(part) ? s.substr(0, s.size() - part.size()) : s;
  }
  if (name == "partition" || name == "rpartition") {
    const std::string by = a.String(0, "sep");
    if (by.empty()) a.Refuse("the separator is empty");
    const size_t at = name == "partition" ? s.find(by) : s.rfind(by);
    if (at == s.npos) return name == "partition" ? Tuple({s, "", ""}) : Tuple({"", "", s});
    return Tuple({s.substr(0, at), by, s.substr(at + by.size())});
  }
  if (name == "find" || name == "rfind" || name == "index") {
    a.Accept(1);
    const size_t at = name == "rfind" ? s.rfind(a.String(0, "sub")) : s.find(a.String(0, "sub"));
    if (at == s.npos && name == "index") a.Refuse("the text does not hold that part");
    return at == s.npos ? Value(int64_t{-1}) : Value(static_cast<int64_t>(Characters(s.substr(0, at))));
  }
  if (name == "count") {
    const std::string part = a.String(0, "sub");
    if (part.empty()) return static_cast<int64_t>(Characters(s) + 1);
    int64_t n = 0;
    for (size_t at = s.find(part); at != s.npos; at = s.find(part, at + part.size())) ++n;
    return n;
  }
  if (name == "isdigit") {
    a.Accept(0);
    return !s.empty() && s.find_first_not_of("0123456789") == s.npos;
  }
  return std::nullopt;
}

}  // namespace invar::jinja
