#include "runtime/base/json.h"

#include <algorithm>
#include <cfenv>
#include <utility>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/memory.h"

namespace invar {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxQuoted = 120;

// The C library reads decimals in the rounding mode that it finds (that of x87 too, where there is one, which the
// contract's own mode leaves alone), and raises whatever traps are unmasked.
class RoundToNearest {
 public:
  RoundToNearest() : found_(std::fegetround()) {
    if (found_ != FE_TONEAREST) std::fesetround(FE_TONEAREST);
  }
  ~RoundToNearest() {
    if (found_ != FE_TONEAREST && found_ >= 0) std::fesetround(found_);
  }
  RoundToNearest(const RoundToNearest&) = delete;
  RoundToNearest& operator=(const RoundToNearest&) = delete;

 private:
  ScopedFloatEnv env_;
  int found_;
};

// "line 3, column 14", as editors count, of a byte.
std::string Place(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  const size_t lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(at - line_begin + 1);
}

// The first bracket that lies deeper than is read, or npos. Brackets outside strings, before the text is known to be JSON:
// unbalanced ones are the parser's to refuse.
size_t FirstTooDeep(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return i;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return text.npos;
}

std::string Printable(std::string_view text, size_t limit) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  for (const char c : text.substr(0, limit)) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += c;
    } else {
      shown += "\\x";
      shown += kDigits[byte >> 4];
      shown += kDigits[byte & 15];
    }
  }
  return text.size() > limit ? shown + "..." : shown;
}

std::string Describe(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list of length " + std::to_string(value.size());
  if (value.is_string()) return Quoted(value.get_ref<const std::string&>());
  return value.dump();
}

// Of a double that is a limit: 1e+30 rather than thirty digits.
std::string NumberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

[[noreturn]] void FailNotJson(const std::string& source, const std::string& why) {
  throw Error(source + " is not valid JSON (" + why + "); mend it or restore it from where it came");
}

// Sees the parser's events, and throws at a key that its object has already.
class UniqueKeys {
 public:
  explicit UniqueKeys(const std::string& source) : source_(source) {}

  bool See(nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key && !open_.back().insert(value.get_ref<const std::string&>()).second) {
      throw Error(source_ + " has the field " + Quoted(value.get_ref<const std::string&>()) +
                  " twice in one object, so it can be read in two ways; restore it from where it came");
    }
    return true;
  }

 private:
  const std::string& source_;
  std::vector<std::set<std::string>> open_;  // objects that have begun
};

// `parse` is given the text once it may be parsed.
template <class F>
auto Checked(std::string_view text, const std::string& source, const F& parse) {
  // The parser takes a NUL for the end of its input, and would accept whatever follows.
  if (const size_t zero = text.find('\0'); zero != text.npos) {
    throw Error(source + " holds a zero byte (" + Place(text, zero) + "), so it is not JSON; restore it from where it came");
  }
  if (const size_t deep = FirstTooDeep(text); deep != text.npos) {
    throw Error(source + " nests JSON deeper than " + std::to_string(kMaxDepth) + " levels (" + Place(text, deep) +
                "); it is damaged or hostile");
  }
  // A list of small numbers is two bytes of text each and sixteen of memory, twice while it grows.
  if (text.size() > kLittleMemory / 16) {
    RequireMemory(uint64_t{24} * text.size(), "reading " + source + " may need", "check that it is the file you mean");
  }
  const RoundToNearest rounding;
  try {
    return parse();
  } catch (const nlohmann::json::parse_error& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 0: syntax error ...": its bytes are right, but a
    // column after a number at the end of a line is not.
    std::string_view what = e.what();
    if (const size_t end = what.find(": "); end != what.npos) what.remove_prefix(end + 2);
    FailNotJson(source, Place(text, e.byte == 0 ? 0 : e.byte - 1) + ": " + Printable(what, 240));
  } catch (const nlohmann::json::exception& e) {
    std::string_view what = e.what();
    if (const size_t end = what.find("] "); what.starts_with('[') && end != what.npos) what.remove_prefix(end + 2);
    FailNotJson(source, Printable(what, 240));
  }
}

template <class Json>
Json Parse(std::string_view text, const std::string& source, const typename Json::parser_callback_t& see = nullptr) {
  return Checked(text, source, [&] { return Json::parse(text.begin(), text.end(), see); });
}

}  // namespace

std::string Quoted(std::string_view text) { return "'" + Printable(text, kMaxQuoted) + "'"; }

nlohmann::json ParseJson(std::string_view text, const std::string& source) { return Parse<nlohmann::json>(text, source); }

nlohmann::ordered_json ParseOrderedJson(std::string_view text, const std::string& source) {
  return Parse<nlohmann::ordered_json>(text, source);
}

nlohmann::json ParseUniqueJson(std::string_view text, const std::string& source) {
  UniqueKeys keys(source);
  return Parse<nlohmann::json>(text, source, [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    return keys.See(event, value);
  });
}

bool JsonEvents::parse_error(size_t, const std::string&, const nlohmann::json::exception& e) {
  if (const auto* error = dynamic_cast<const nlohmann::json::parse_error*>(&e)) throw *error;
  throw e;
}

void ParseJsonEvents(std::string_view text, const std::string& source, JsonEvents* events) {
  // Not json::sax_parse, which holds the readers of binary formats too, and with them the math library's ldexp.
  Checked(text, source, [&] {
    auto input = nlohmann::detail::input_adapter(text.begin(), text.end());
    nlohmann::detail::parser<nlohmann::json, decltype(input)>(std::move(input)).sax_parse(events);
  });
}

nlohmann::json ParseJsonFile(const std::filesystem::path& path, size_t size_limit) {
  return ParseJson(ReadWholeFile(path, size_limit), path.string());
}

JsonFields::JsonFields(const nlohmann::json& value, std::string where) : value_(value), where_(std::move(where)) {
  if (!value.is_object()) throw Error(where_ + " must be a JSON object, but it is " + Describe(value));
}

JsonFields JsonFields::Child(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) Reject(name, "an object");
  JsonFields child(*value, where_ + ": " + name);
  child.prefix_ = prefix_ + name + ".";
  child.asked_ = asked_;
  return child;
}

std::vector<std::string> JsonFields::Unasked() const {
  std::vector<std::string> unasked;
  const auto visit = [&](const auto& self, const nlohmann::json& object, const std::string& prefix) -> void {
    for (const auto& [name, value] : object.items()) {
      const std::string full = prefix + name;
      // A child's fields come after its own name and a dot.
      const auto below = asked_->lower_bound(full + ".");
      // A name with a dot in it is no getter's, whatever child's field it looks like.
      if (!asked_->contains(full) || name.find('.') != name.npos) {
        unasked.push_back(full);
      } else if (value.is_object() && below != asked_->end() && below->starts_with(full + ".")) {
        self(self, value, full + ".");
      }
    }
  };
  visit(visit, value_, prefix_);
  return unasked;
}

const nlohmann::json* JsonFields::Find(const char* name) const {
  asked_->insert(prefix_ + name);
  const auto it = value_.find(name);
  return it == value_.end() ? nullptr : &*it;
}

bool JsonFields::IsNull(const char* name) const {
  const nlohmann::json* value = Find(name);
  return value == nullptr || value->is_null();
}

void JsonFields::Reject(const char* name, const std::string& wanted) const {
  const nlohmann::json* value = Find(name);
  throw Error(where_ + ": " + name + " must be " + wanted + ", but it is " +
              (value == nullptr ? "missing" : Describe(*value)));
}

std::optional<bool> JsonFields::Bool(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) Reject(name, "true or false");
  return value->get<bool>();
}

std::optional<std::string> JsonFields::String(const char* name) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) Reject(name, "a string");
  return value->get<std::string>();
}

std::optional<int64_t> JsonFields::Integer(const char* name, int64_t min, int64_t max) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const bool too_large = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  if (!value->is_number_integer() || too_large || value->get<int64_t>() < min || value->get<int64_t>() > max) {
    Reject(name, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value->get<int64_t>();
}

std::optional<double> JsonFields::Number(const char* name, double min, double max) const {
  const nlohmann::json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const RoundToNearest rounding;  // an integer beyond 2^53 is rounded here
  // Written so that a NaN, should a parser ever give one, is refused.
  if (!value->is_number() || !(value->get<double>() >= min && value->get<double>() <= max)) {
    Reject(name, "a number from " + NumberText(min) + " to " + NumberText(max));
  }
  return value->get<double>();
}

}  // namespace invar
