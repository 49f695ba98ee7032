// Jinja's filters and tests, Python's methods of strings and dicts, and the functions that Hugging Face gives to templates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/text/jinja/meter.h"
#include "runtime/text/jinja/value.h"

namespace invar::jinja {

// Arguments of a call, evaluated.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  Meter& meter;
  // For messages.
  int line;
  std::string callee;

  [[noreturn]] void Refuse(const std::string& what) const;
  // The argument at that position or of that name; null where it was not given.
  const Value* Find(size_t position, const char* name) const;
  // At most so many by position, and only these names.
  void Accept(size_t most, std::initializer_list<const char*> names = {}) const;
  std::string String(size_t position, const char* name, const char* fallback = nullptr) const;
  int64_t Integer(size_t position, const char* name, int64_t fallback) const;
  bool Flag(size_t position, const char* name, bool fallback) const;
};

bool IsFilter(const std::string& name);
Value ApplyFilter(const std::string& name, const Value& v, const Arguments& arguments);

bool IsTest(const std::string& name);
bool ApplyTest(const std::string& name, const Value& v, const Arguments& arguments);

// A method of a string or a dict; nothing where there is none of that name.
std::optional<Value> CallMethod(const Value& self, const std::string& name, const Arguments& arguments);

// Whether Python's value has a method of that name which Hugging Face's sandbox gives out; kForbidden: one that changes it.
enum class Method { kNone, kGiven, kForbidden };
Method MethodOf(const Value& self, const std::string& name);

// What filters and methods share (builtins.cc, methods.cc).
std::string Strip(const std::string& s, const Arguments& a, bool left, bool right);
std::string Cased(const std::string& s, const Arguments& a, const std::string& how);
std::string Replace(const std::string& s, const std::string& from, const std::string& to, int64_t most, Meter& meter);
bool IsSpace(const std::string& character);
// A text's characters one by one, as pieces of it.
std::vector<std::string> CharactersOf(const std::string& s, Meter& meter);
// The end of the character that begins there.
size_t CharacterEnd(const std::string& s, size_t begin);
// The beginning of the character that ends there.
size_t CharacterBegin(const std::string& s, size_t end);

// The items of a list, the keys of a dict, the characters of a text; nothing undefined has none. Refuses anything else, and
// an iterator whose items were had before.
List Items(const Value& v, const Arguments& arguments);

// v.name: a method of that name comes before a field, as in Python. v["name"]: the field comes first.
Value Attribute(const Value& v, const std::string& name, Meter& meter);
Value Item(const Value& v, const std::string& name, Meter& meter);

// Python's ordering of two numbers or two texts: negative, 0 or positive. Refuses anything else.
int Compare(const Value& a, const Value& b, const Arguments& arguments);

}  // namespace invar::jinja
