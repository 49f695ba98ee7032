// Python's methods of strings and dicts, and the text operations that filters share with them.
#include <algorithm>
#include <set>

#include "runtime/text/jinja/builtins.h"

namespace invar::jinja {

size_t CharacterEnd(const std::string& s, size_t begin) {
  size_t end = begin + 1;
  while (end < s.size() && (s[end] & 0xC0) == 0x80) ++end;
  return end;
}

size_t CharacterBegin(const std::string& s, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (s[begin] & 0xC0) == 0x80) --begin;
  return begin;
}

std::vector<std::string> CharactersOf(const std::string& s, Meter& meter) {
  meter.Steps(2 * Characters(s));
  std::vector<std::string> characters;
  for (size_t at = 0, end; at < s.size(); at = end) {
    end = CharacterEnd(s, at);
    characters.push_back(s.substr(at, end - at));
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
  if (set != nullptr && !set->Is<None>()) chosen = CharactersOf(a.String(0, "chars"), a.meter);
  const bool blanks = set == nullptr || set->Is<None>();
  const auto goes = [&](const std::string& c) {
    a.meter.Bytes(1 + chosen.size());
    return blanks ? IsSpace(c) : std::find(chosen.begin(), chosen.end(), c) != chosen.end();
  };
  size_t begin = 0, end = s.size();
  while (left && begin < end) {
    const size_t next = CharacterEnd(s, begin);
    if (!goes(s.substr(begin, next - begin))) break;
    begin = next;
  }
  while (right && end > begin) {
    const size_t next = CharacterBegin(s, end);
    if (!goes(s.substr(next, end - next))) break;
    end = next;
  }
  a.meter.Made(end - begin);
  return s.substr(begin, end - begin);
}

// Case of text beyond ASCII is a table of its own: refused, never wrong.
std::string Cased(const std::string& s, const Arguments& a, const std::string& how) {
  a.meter.Made(s.size());
  std::string out = s;
  const bool all = how == "upper", words = how == "title", one = how == "capitalize";
  bool start = true;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) a.Refuse(how + " of text beyond ASCII is not supported");
    const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    const bool up = all || (words && start) || (one && &c == &out[0]);
    if (letter) c = static_cast<char>(up ? c & ~0x20 : c | 0x20);
    start = !letter;
  }
  return out;
}

std::string Replace(const std::string& s, const std::string& from, const std::string& to, int64_t most, Meter& meter) {
  std::string out;
  size_t at = 0;
  if (from.empty()) {  // between all characters, and at both ends
    for (size_t begin = 0, end; begin < s.size(); begin = end) {
      end = CharacterEnd(s, begin);
      meter.Grows(out, to.size() + end - begin);
      if (most != 0) out += to, --most;
      out.append(s, begin, end - begin);
    }
    meter.Grows(out, to.size());
    return most != 0 ? out + to : out;
  }
  for (size_t found; most != 0 && (found = FindFirst(s, from, at, meter)) != s.npos; --most) {
    meter.Grows(out, found - at + to.size());
    out.append(s, at, found - at).append(to);
    at = found + from.size();
  }
  meter.Grows(out, s.size() - at);
  return out.append(s, at, s.npos);
}

namespace {

List Split(const std::string& s, const Arguments& a) {
  a.Accept(2, {"sep", "maxsplit"});
  int64_t most = a.Integer(1, "maxsplit", -1);
  const Value* separator = a.Find(0, "sep");
  List parts;
  const auto add = [&](size_t begin, size_t end) {
    a.meter.Steps(2);
    a.meter.Made(end - begin);
    parts.emplace_back(s.substr(begin, end - begin));
  };
  if (separator == nullptr || separator->Is<None>()) {
    size_t at = 0;
    const auto walk = [&](bool blanks) {
      while (at < s.size()) {
        const size_t end = CharacterEnd(s, at);
        if (IsSpace(s.substr(at, end - at)) != blanks) break;
        at = end;
      }
    };
    for (walk(true); at < s.size(); walk(true)) {
      const size_t begin = at;
      if (most == 0) at = s.size();
      else walk(false);
      add(begin, at);
      --most;
    }
    return parts;
  }
  const std::string by = a.String(0, "sep");
  if (by.empty()) a.Refuse("the separator is empty");
  size_t at = 0;
  for (size_t found; most != 0 && (found = FindFirst(s, by, at, a.meter)) != s.npos; --most) {
    add(at, found);
    at = found + by.size();
  }
  add(at, s.size());
  return parts;
}

List SplitFromTheEnd(const std::string& s, const Arguments& a) {
  a.Accept(2, {"sep", "maxsplit"});
  const std::string by = a.String(0, "sep");  // without one Python splits at blanks: not supported from the end
  if (by.empty()) a.Refuse("the separator is empty");
  int64_t most = a.Integer(1, "maxsplit", -1);
  List parts;
  const auto add = [&](size_t begin, size_t end) {
    a.meter.Steps(2);
    a.meter.Made(end - begin);
    parts.emplace_back(s.substr(begin, end - begin));
  };
  size_t end = s.size();
  for (size_t found; most != 0 && end >= by.size() && (found = FindLast(s, by, end - by.size(), a.meter)) != s.npos; --most) {
    add(found + by.size(), end);
    end = found;
  }
  add(0, end);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

bool Begins(const std::string& s, const Value& with, const Arguments& a, bool end) {
  a.meter.Steps(1);
  if (with.IsList() && with.form == Form::kTuple) {
    return std::any_of(with.list().begin(), with.list().end(), [&](const Value& w) { return Begins(s, w, a, end); });
  }
  if (!with.IsString()) a.Refuse("it takes a text or a tuple of them");
  a.meter.Bytes(with.string().size());
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
  if (!self.IsString() || name != "startswith") a.meter.Visit(self);
  if (self.IsDict()) {
    if (name == "get") {
      a.Accept(2);
      a.meter.Search(self.dict(), a.String(0, "key"));
      const Value* found = Find(self.dict(), a.String(0, "key"));
      return found != nullptr ? *found : a.positional.size() > 1 ? a.positional[1] : Value(None{});
    }
    if (name != "items" && name != "keys" && name != "values") return std::nullopt;
    a.Accept(0);
    List parts;
    for (const auto& [key, value] : self.dict()) {
      a.meter.Steps(4);
      if (name != "values") a.meter.Made(key.size());
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
      a.meter.Steps(2);
      a.meter.Made(end - at);
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
  if (name == "replace") return Replace(s, a.String(0, "old"), a.String(1, "new"), a.Integer(2, "count", -1), a.meter);
  if (name == "join") {
    a.Accept(1);
    std::string out;
    bool first = true;
    for (const Value& part : Items(a.positional.empty() ? Value() : a.positional[0], a)) {
      if (!part.IsString()) a.Refuse("it joins texts only");
      a.meter.Grows(out, s.size() + part.string().size());
      if (!first) out += s;
      out += part.string();
      first = false;
    }
    return out;
  }
  if (name == "removeprefix" || name == "removesuffix") {
    const std::string part = a.String(0, "affix");
    a.meter.Made(s.size());
    if (name == "removeprefix") return s.starts_with(part) ? s.substr(part.size()) : s;
    return s.ends_with(part) ? s.substr(0, s.size() - part.size()) : s;
  }
  if (name == "partition" || name == "rpartition") {
    const std::string by = a.String(0, "sep");
    if (by.empty()) a.Refuse("the separator is empty");
    const size_t at = name == "partition" ? FindFirst(s, by, 0, a.meter) : FindLast(s, by, s.npos, a.meter);
    a.meter.Made(s.size());
    if (at == s.npos) return name == "partition" ? Tuple({s, "", ""}) : Tuple({"", "", s});
    return Tuple({s.substr(0, at), by, s.substr(at + by.size())});
  }
  if (name == "find" || name == "rfind" || name == "index") {
    a.Accept(1);
    const size_t at = name == "rfind" ? FindLast(s, a.String(0, "sub"), s.npos, a.meter) : FindFirst(s, a.String(0, "sub"), 0, a.meter);
    if (at == s.npos && name == "index") a.Refuse("the text does not hold that part");
    return at == s.npos ? Value(int64_t{-1}) : Value(static_cast<int64_t>(Characters(s.substr(0, at))));
  }
  if (name == "count") {
    const std::string part = a.String(0, "sub");
    if (part.empty()) return static_cast<int64_t>(Characters(s) + 1);
    int64_t n = 0;
    for (size_t at = FindFirst(s, part, 0, a.meter); at != s.npos; at = FindFirst(s, part, at + part.size(), a.meter)) ++n;
    return n;
  }
  if (name == "isdigit") {
    a.Accept(0);
    return !s.empty() && s.find_first_not_of("0123456789") == s.npos;
  }
  return std::nullopt;
}

}  // namespace invar::jinja
