// A value of a template, as Python has it: what messages, tools and variables become while a template runs.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace invar::jinja {

struct Value;
struct Macro;  // evaluator.cc
class Meter;   // meter.h

using List = std::vector<Value>;
// In the order of insertion.
using Dict = std::vector<std::pair<std::string, Value>>;

struct Undefined {};
struct None {};
// A dict whose attributes a template may set.
struct Namespace {
  Dict fields;
};
// A function or a method that was named and not called.
struct Function {};

// What Python's lists of values are. What an iterator gives can be had once; it, a range and a dict's view are written by
// Python in a way of their own, which is refused.
enum class Form : uint8_t { kList, kTuple, kRange, kView, kIterator };

struct Value {
  // Texts, lists and dicts are shared and never changed: Hugging Face's sandbox forbids templates to.
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const std::string>, std::shared_ptr<List>, std::shared_ptr<Dict>,
               std::shared_ptr<Namespace>, std::shared_ptr<const Macro>, Function>
      data;

  int depth = 0;                 // of lists and dicts within one another; bounded by the evaluator
  Form form = Form::kList;       // of a list
  std::shared_ptr<bool> used;    // of an iterator
  bool holds_namespace = false;  // a namespace that held itself would never be freed

  Value() = default;
  Value(None) : data(None{}) {}                                             // NOLINT: values convert
  Value(bool b) : data(b) {}                                                // NOLINT
  Value(int64_t i) : data(i) {}                                             // NOLINT
  Value(double d) : data(d) {}                                              // NOLINT
  Value(std::string s) : data(std::make_shared<const std::string>(std::move(s))) {}  // NOLINT
  Value(const char* s) : Value(std::string(s)) {}                           // NOLINT
  Value(List list);                                                         // NOLINT
  Value(Dict dict);                                                         // NOLINT
  Value(std::shared_ptr<Namespace> n) : data(std::move(n)), holds_namespace(true) {}  // NOLINT
  Value(std::shared_ptr<const Macro> m) : data(std::move(m)) {}             // NOLINT
  Value(Function f) : data(f) {}                                            // NOLINT

  template <class T>
  bool Is() const { return std::holds_alternative<T>(data); }
  bool IsString() const { return Is<std::shared_ptr<const std::string>>(); }
  bool IsList() const { return Is<std::shared_ptr<List>>(); }
  // A list or a tuple: what can be written, added and cut.
  bool IsPlainList() const { return IsList() && (form == Form::kList || form == Form::kTuple); }
  bool IsIterator() const { return IsList() && form == Form::kIterator; }
  bool IsDict() const { return Is<std::shared_ptr<Dict>>(); }
  bool IsFunction() const { return Is<Function>() || Is<std::shared_ptr<const Macro>>(); }
  bool IsUndefined() const { return Is<Undefined>(); }
  // Python's bool is an int.
  bool IsInteger() const { return Is<int64_t>() || Is<bool>(); }
  bool IsNumber() const { return IsInteger() || Is<double>(); }

  const std::string& string() const { return *std::get<std::shared_ptr<const std::string>>(data); }
  const List& list() const { return *std::get<std::shared_ptr<List>>(data); }
  const Dict& dict() const { return *std::get<std::shared_ptr<Dict>>(data); }
  int64_t integer() const { return Is<bool>() ? std::get<bool>(data) : std::get<int64_t>(data); }
  double number() const { return Is<double>() ? std::get<double>(data) : static_cast<double>(integer()); }
};

Value WithForm(List list, Form form);
inline Value Tuple(List list) { return WithForm(std::move(list), Form::kTuple); }
inline Value Iterator(List list) { return WithForm(std::move(list), Form::kIterator); }
Value FromJson(const nlohmann::ordered_json& json);

const Value* Find(const Dict& dict, const std::string& key);
void Set(Dict& dict, const std::string& key, Value value);

// Python's bool(), ==, str() and repr(). The evaluator makes nothing deeper than kDeepestValue, so these recurse freely. Text
// and Repr throw std::invalid_argument, with what, for what Python writes in a way that is not supported.
inline constexpr int kDeepestValue = 200;
bool Truth(const Value& v);
bool Equal(const Value& a, const Value& b, Meter& meter);
std::string Text(const Value& v, Meter& meter);
std::string Repr(const Value& v, Meter& meter);

// json.dumps(v, ensure_ascii=..., indent=..., sort_keys=..., separators=...); indent -1: none. Throws std::invalid_argument,
// with what, for what JSON cannot hold.
std::string ToJson(const Value& v, int indent, bool ascii, bool sort_keys, const std::string& item_separator,
                   const std::string& key_separator, Meter& meter);

// How many characters (code points) a text has, and the part [begin, end) of them.
size_t Characters(const std::string& s);
std::string CharacterRange(const std::string& s, size_t begin, size_t end);

}  // namespace invar::jinja
