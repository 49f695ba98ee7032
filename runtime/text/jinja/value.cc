#include "runtime/text/jinja/value.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/base/decimal.h"
#include "runtime/text/jinja/meter.h"
#include "runtime/text/unicode.h"

namespace invar::jinja {
namespace {

// Python's repr of a float: the shortest digits that read back, an exponent beyond 16 digits or four zeros.
std::string FloatText(double d) {
  if (d != d) return "nan";
  if (d > 1.7976931348623157e308) return "inf";
  if (d < -1.7976931348623157e308) return "-inf";
  const double magnitude = d < 0 ? -d : d;
  const bool plain = d == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  std::string s = ShortestDecimal(d, !plain);
  if (plain && s.find('.') == s.npos) s += ".0";
  return s;
}

bool Printable(uint32_t c) {
  return c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA1) && c != 0xAD && !(c >= 0xD800 && c < 0xE000) &&
         !(c >= 0xE000 && c <= 0xF8FF) && c != 0xFEFF && !(c >= 0x2000 && c <= 0x200F) && !(c >= 0x2028 && c <= 0x202F) &&
         !(c >= 0x205F && c <= 0x206F) && c != 0x3000 && c != 0x1680;
}

std::string Hex(uint32_t c, int digits) {
  std::string s(static_cast<size_t>(digits), '0');
  for (int i = digits - 1; i >= 0; --i, c >>= 4) s[static_cast<size_t>(i)] = "0123456789abcdef"[c & 15];
  return s;
}

// The code point at s[at], whose text is valid UTF-8; `at` moves past it.
uint32_t Next(const std::string& s, size_t& at) {
  const unsigned char lead = static_cast<unsigned char>(s[at++]);
  int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  uint32_t c = more == 0 ? lead : lead & (0x3Fu >> more);
  for (; more > 0 && at < s.size(); --more) c = c << 6 | (static_cast<unsigned char>(s[at++]) & 0x3Fu);
  return c;
}

void StringRepr(const std::string& s, std::string& out, Meter& meter) {
  const char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
  meter.Grows(out, s.size());
  out += quote;
  for (size_t at = 0; at < s.size();) {
    const size_t begin = at;
    const uint32_t c = Next(s, at);
    meter.Whole(out.size());
    if (c == static_cast<uint32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (!Printable(c)) {
      out += c < 0x100 ? "\\x" + Hex(c, 2) : c < 0x10000 ? "\\u" + Hex(c, 4) : "\\U" + Hex(c, 8);
    } else {
      out.append(s, begin, at - begin);
    }
  }
  out += quote;
}

void JsonString(const std::string& s, bool ascii, std::string& out, Meter& meter) {
  meter.Grows(out, s.size());
  out += '"';
  for (size_t at = 0; at < s.size();) {
    const size_t begin = at;
    const uint32_t c = Next(s, at);
    meter.Whole(out.size());
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (c < 0x20 || (ascii && c >= 0x7F && c < 0x10000 && c != 0x7F)) {
          out += "\\u" + Hex(c, 4);
        } else if (ascii && c >= 0x10000) {
          out += "\\u" + Hex(0xD800 + ((c - 0x10000) >> 10), 4) + "\\u" + Hex(0xDC00 + ((c - 0x10000) & 0x3FF), 4);
        } else {
          out.append(s, begin, at - begin);
        }
    }
  }
  out += '"';
}

// What a value is that has no text here.
const char* Unwritable(const Value& v) {
  if (v.IsUndefined()) return "something undefined";
  if (v.IsList()) return v.form == Form::kRange ? "a range" : v.form == Form::kView ? "a view of a mapping" : "an iterator; make it a list first";
  return v.Is<std::shared_ptr<Namespace>>() ? "a namespace" : "a function";
}

struct JsonStyle {
  int indent;
  bool ascii, sort_keys;
  const std::string &item, &key;
};

void Json(const Value& v, const JsonStyle& style, int depth, std::string& out, Meter& meter) {
  meter.Steps(1);
  const auto add = [&](const std::string& text) {
    meter.Grows(out, text.size());
    out += text;
  };
  const auto line = [&](int level) {
    if (style.indent >= 0) add("\n" + std::string(static_cast<size_t>(level * style.indent), ' '));
  };
  if (v.Is<None>()) {
    out += "null";
  } else if (v.Is<bool>()) {
    out += std::get<bool>(v.data) ? "true" : "false";
  } else if (v.Is<int64_t>()) {
    out += std::to_string(v.integer());
  } else if (v.Is<double>()) {
    const std::string text = FloatText(v.number());
    out += text == "nan" ? "NaN" : text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : text;
  } else if (v.IsString()) {
    JsonString(v.string(), style.ascii, out, meter);
  } else if (v.IsPlainList()) {
    if (v.list().empty()) {
      out += "[]";
      return;
    }
    out += '[';
    for (size_t i = 0; i < v.list().size(); ++i) {
      if (i > 0) add(style.item);
      line(depth + 1);
      Json(v.list()[i], style, depth + 1, out, meter);
    }
    line(depth);
    out += ']';
  } else if (v.IsDict()) {
    if (v.dict().empty()) {
      out += "{}";
      return;
    }
    meter.Steps(v.dict().size());
    std::vector<const Dict::value_type*> fields;
    for (const auto& field : v.dict()) fields.push_back(&field);
    if (style.sort_keys) {
      std::sort(fields.begin(), fields.end(), [&meter](const auto* a, const auto* b) {
        meter.Bytes(1 + std::min(a->first.size(), b->first.size()));
        return a->first < b->first;
      });
    }
    out += '{';
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) add(style.item);
      line(depth + 1);
      JsonString(fields[i]->first, style.ascii, out, meter);
      add(style.key);
      Json(fields[i]->second, style, depth + 1, out, meter);
    }
    line(depth);
    out += '}';
  } else {
    throw std::invalid_argument(Unwritable(v));
  }
}

}  // namespace

Value::Value(List list) : depth(1) {
  for (const Value& v : list) {
    depth = std::max(depth, v.depth + 1);
    holds_namespace = holds_namespace || v.holds_namespace;
  }
  data = std::make_shared<List>(std::move(list));
}

Value::Value(Dict dict) : depth(1) {
  for (const auto& [key, v] : dict) {
    depth = std::max(depth, v.depth + 1);
    holds_namespace = holds_namespace || v.holds_namespace;
  }
  data = std::make_shared<Dict>(std::move(dict));
}

Value WithForm(List list, Form form) {
  Value v(std::move(list));
  v.form = form;
  if (form == Form::kIterator) v.used = std::make_shared<bool>(false);
  return v;
}

Value FromJson(const nlohmann::ordered_json& json) {
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::null: return None{};
    case nlohmann::ordered_json::value_t::boolean: return json.get<bool>();
    case nlohmann::ordered_json::value_t::number_integer:
    case nlohmann::ordered_json::value_t::number_unsigned:
      if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return json.get<double>();
      return json.get<int64_t>();
    case nlohmann::ordered_json::value_t::number_float: return json.get<double>();
    case nlohmann::ordered_json::value_t::string: return ValidUtf8(json.get_ref<const std::string&>());
    case nlohmann::ordered_json::value_t::array: {
      List list;
      for (const auto& item : json) list.push_back(FromJson(item));
      return list;
    }
    case nlohmann::ordered_json::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) Set(dict, ValidUtf8(key), FromJson(value));
      return dict;
    }
    default: return {};
  }
}

const Value* Find(const Dict& dict, const std::string& key) {
  for (const auto& [name, value] : dict) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Set(Dict& dict, const std::string& key, Value value) {
  for (auto& [name, old] : dict) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  dict.emplace_back(key, std::move(value));
}

bool Truth(const Value& v) {
  if (v.IsUndefined() || v.Is<None>()) return false;
  if (v.IsNumber()) return v.number() != 0;
  if (v.IsString()) return !v.string().empty();
  if (v.IsList()) return v.IsIterator() || !v.list().empty();  // Python does not look into an iterator
  if (v.IsDict()) return !v.dict().empty();
  return true;
}

bool Equal(const Value& a, const Value& b, Meter& meter) {
  meter.Steps(1);
  if (a.IsInteger() && b.IsInteger()) return a.integer() == b.integer();
  if (a.IsNumber() && b.IsNumber()) return a.number() == b.number();
  if (a.data.index() != b.data.index()) return false;
  if (a.IsString()) {
    if (a.string().size() != b.string().size()) return false;
    meter.Bytes(a.string().size());
    return a.string() == b.string();
  }
  if (a.IsList()) return a.form == b.form && std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(),
                                                       [&meter](const Value& x, const Value& y) { return Equal(x, y, meter); });
  if (a.IsDict()) {
    if (a.dict().size() != b.dict().size()) return false;
    for (const auto& [key, value] : a.dict()) {
      meter.Search(b.dict(), key);
      const Value* other = Find(b.dict(), key);
      if (other == nullptr || !Equal(value, *other, meter)) return false;
    }
    return true;
  }
  if (a.Is<std::shared_ptr<Namespace>>()) return std::get<std::shared_ptr<Namespace>>(a.data) == std::get<std::shared_ptr<Namespace>>(b.data);
  return true;  // none is none, and one undefined equals another
}

namespace {

void AppendRepr(const Value& v, std::string& out, Meter& meter) {
  meter.Steps(1);
  meter.Grows(out, 8);  // at least brackets or a number
  if (v.IsString()) return StringRepr(v.string(), out, meter);
  if (v.IsUndefined()) {
    out += "Undefined";
  } else if (v.Is<None>()) {
    out += "None";
  } else if (v.Is<bool>()) {
    out += std::get<bool>(v.data) ? "True" : "False";
  } else if (v.Is<int64_t>()) {
    out += std::to_string(v.integer());
  } else if (v.Is<double>()) {
    out += FloatText(v.number());
  } else if (v.IsPlainList()) {
    const bool tuple = v.form == Form::kTuple;
    out += tuple ? '(' : '[';
    for (size_t i = 0; i < v.list().size(); ++i) {
      if (i > 0) out += ", ";
      AppendRepr(v.list()[i], out, meter);
    }
    out += !tuple ? "]" : v.list().size() == 1 ? ",)" : ")";
  } else if (v.IsDict()) {
    out += '{';
    for (size_t i = 0; i < v.dict().size(); ++i) {
      if (i > 0) out += ", ";
      StringRepr(v.dict()[i].first, out, meter);
      out += ": ";
      AppendRepr(v.dict()[i].second, out, meter);
    }
    out += '}';
  } else {
    throw std::invalid_argument(std::string(Unwritable(v)) + " cannot be written");
  }
}

}  // namespace

std::string Text(const Value& v, Meter& meter) {
  if (v.IsUndefined()) return "";
  if (!v.IsString()) return Repr(v, meter);
  meter.Bytes(v.string().size());
  return v.string();
}

std::string Repr(const Value& v, Meter& meter) {
  std::string out;
  AppendRepr(v, out, meter);
  return out;
}

std::string ToJson(const Value& v, int indent, bool ascii, bool sort_keys, const std::string& item_separator,
                   const std::string& key_separator, Meter& meter) {
  std::string out;
  Json(v, {indent, ascii, sort_keys, item_separator, key_separator}, 0, out, meter);
  return out;
}

size_t Characters(const std::string& s) {
  return static_cast<size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string CharacterRange(const std::string& s, size_t begin, size_t end) {
  size_t from = s.size(), to = s.size(), count = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if ((s[i] & 0xC0) == 0x80) continue;
    if (count == begin) from = i;
    if (count == end) {
      to = i;
      break;
    }
    ++count;
  }
  return from < to ? s.substr(from, to - from) : std::string();
}

}  // namespace invar::jinja
