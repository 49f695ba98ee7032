// Reading JSON that others wrote: every failure is an Error that names the file and the field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

// Foreign text as an error message may show it: in single quotes, cut to a line, bytes other than printable ASCII
// escaped, so that no file can write to the terminal.
std::string Quoted(std::string_view text);

// Parses like Python's json module: the last of several equal keys wins, numbers are the nearest binary64 whatever
// rounding mode the program set. Throws Error for anything that is not one JSON value, for nesting deeper than 64 (what
// reads the value may recurse) and for numbers beyond binary64. `source` is what messages call the text.
nlohmann::json ParseJson(std::string_view text, const std::string& source);
// The same, fields in the order in which they are written.
nlohmann::ordered_json ParseOrderedJson(std::string_view text, const std::string& source);
// As ParseJson, but an object with two equal keys is an Error: what an eye reads and what a program reads must be the same.
nlohmann::json ParseUniqueJson(std::string_view text, const std::string& source);
// What a text holds, told piece by piece: for what is too large to be kept as a tree. See nlohmann::json_sax.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool binary(binary_t&) override { return true; }  // not of text
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& e) final;
};
// The same checks and failures as ParseJson; events before a failure are told.
void ParseJsonEvents(std::string_view text, const std::string& source, JsonEvents* events);
nlohmann::json ParseJsonFile(const std::filesystem::path& path, size_t size_limit);

// The fields of one JSON object. Every getter gives nothing for an absent field and throws Error for a value of another
// type, null included; a field that may be null is asked IsNull first.
class JsonFields {
 public:
  // `where` is what messages call the object: a file, or a file and a field. Throws Error where it is not an object.
  JsonFields(const nlohmann::json& value, std::string where);

  // The object that a field holds. What is asked of it counts as asked of this one, for Unasked.
  JsonFields Child(const char* name) const;
  // Fields that no getter was asked for, fields of children as "child.field": what a file says that nobody reads.
  std::vector<std::string> Unasked() const;

  // Absent or null.
  bool IsNull(const char* name) const;
  const nlohmann::json* Find(const char* name) const;

  std::optional<bool> Bool(const char* name) const;
  std::optional<std::string> String(const char* name) const;
  // An integer (written without point or exponent) in [min, max].
  std::optional<int64_t> Integer(const char* name, int64_t min, int64_t max) const;
  // A number in [min, max].
  std::optional<double> Number(const char* name, double min, double max) const;

  const std::string& where() const { return where_; }
  // Throws: "<where>: <name> must be <wanted>, but it is <found>".
  [[noreturn]] void Reject(const char* name, const std::string& wanted) const;

 private:
  const nlohmann::json& value_;
  std::string where_, prefix_;
  std::shared_ptr<std::set<std::string>> asked_ = std::make_shared<std::set<std::string>>();  // with prefixes
};

}  // namespace invar
