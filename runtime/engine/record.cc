#include "runtime/engine/record.h"

#include <limits>

#include "invar/kernels.h"
#include "runtime/base/error.h"
#include "runtime/base/version.h"

namespace invar {
namespace {

constexpr uint64_t kVersionOfFormat = 1;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool IsHash(const nlohmann::json& value) {
  return value.is_string() && value.get_ref<const std::string&>().size() == 64 &&
         value.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool IsId(const nlohmann::json& value) { return value.is_number_unsigned() && value.get<uint64_t>() <= INT32_MAX; }

}  // namespace

RecordHeader HeaderOf(const ModelIdentity& model) { return {kVersion, model}; }

nlohmann::ordered_json HeaderJson(const char* format, const RecordHeader& header) {
  return {{"format", format},
          {"version", kVersionOfFormat},
          {"contract", INVAR_CONTRACT_VERSION},
          {"program", header.program},
          {"model",
           {{"architecture", header.model.architecture},
            {"parameters", header.model.parameters},
            {"weights_sha256", header.model.weights},
            {"config_sha256", header.model.config}}}};
}

RecordHeader ReadHeader(const JsonFields& fields, const char* format) {
  const nlohmann::json* found = fields.Find("format");
  if (found == nullptr || *found != format) fields.Reject("format", "'" + std::string(format) + "'");
  if (const uint64_t version = NeedUnsigned(fields, "version", 1, UINT32_MAX); version != kVersionOfFormat) {
    throw Error(fields.where() + " is of version " + std::to_string(version) + " of its format, and this program reads version " +
                std::to_string(kVersionOfFormat) + "; use a later release");
  }
  if (const uint64_t contract = NeedUnsigned(fields, "contract", 1, UINT32_MAX); contract != INVAR_CONTRACT_VERSION) {
    throw Error(fields.where() + " was made under version " + std::to_string(contract) +
                " of the numerics contract, and this program computes version " + std::to_string(INVAR_CONTRACT_VERSION) +
                "; use a release that has it");
  }
  RecordHeader header;
  header.program = NeedString(fields, "program");
  const JsonFields model = fields.Child("model");
  header.model.architecture = NeedString(model, "architecture");
  header.model.parameters = NeedUnsigned(model, "parameters", 0, UINT64_MAX);
  header.model.weights = NeedHash(model, "weights_sha256");
  header.model.config = NeedHash(model, "config_sha256");
  return header;
}

void RequireSameModel(const RecordHeader& header, const ModelIdentity& found, const std::string& source, const std::string& model) {
  const ModelIdentity& wanted = header.model;
  const auto differ = [&](const char* what, const std::string& expected, const std::string& here) {
    if (expected == here) return;
    throw Error(source + " is of another model: the SHA-256 of its " + what + " is " + expected + ", and that of " + model + " is " +
                here + "; name the model that it was made with");
  };
  differ("weights", wanted.weights, found.weights);
  differ("config", wanted.config, found.config);
  // Not hashed, but said.
  if (wanted == found) return;
  throw Error(source + " contradicts itself: its model's hashes are those of " + model + ", which is " + found.architecture + " with " +
              std::to_string(found.parameters) + " parameters, and it says otherwise; get the original");
}

std::string RecordText(const nlohmann::ordered_json& json, const std::string& what) {
  try {
    return json.dump(1) + "\n";
  } catch (const nlohmann::json::exception&) {
    throw Error(what + " cannot be written, as it holds text that is not UTF-8");
  }
}

std::string NeedString(const JsonFields& fields, const char* name) {
  if (fields.Find(name) == nullptr) fields.Reject(name, "a string");
  return *fields.String(name);
}

uint64_t NeedUnsigned(const JsonFields& fields, const char* name, uint64_t min, uint64_t max) {
  const nlohmann::json* value = fields.Find(name);
  if (value == nullptr || !value->is_number_unsigned() || value->get<uint64_t>() < min || value->get<uint64_t>() > max) {
    fields.Reject(name, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value->get<uint64_t>();
}

std::string NeedHash(const JsonFields& fields, const char* name) {
  const nlohmann::json* value = fields.Find(name);
  if (value == nullptr || !IsHash(*value)) fields.Reject(name, "a SHA-256 in 64 lower-case hexadecimal digits");
  return value->get<std::string>();
}

const nlohmann::json& NeedList(const JsonFields& fields, const char* name) {
  const nlohmann::json* value = fields.Find(name);
  if (value == nullptr || !value->is_array()) fields.Reject(name, "a list");
  return *value;
}

std::string ElementName(const JsonFields& fields, const char* name, size_t i) {
  return fields.where() + ": " + name + "[" + std::to_string(i) + "]";
}

std::vector<std::string> NeedHashes(const JsonFields& fields, const char* name) {
  const nlohmann::json& list = NeedList(fields, name);
  std::vector<std::string> hashes;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!IsHash(list[i])) throw Error(ElementName(fields, name, i) + " is not a SHA-256 in 64 lower-case hexadecimal digits; get the original");
    hashes.push_back(list[i].get<std::string>());
  }
  return hashes;
}

std::vector<std::string> NeedStrings(const JsonFields& fields, const char* name) {
  const nlohmann::json& list = NeedList(fields, name);
  std::vector<std::string> strings;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_string()) throw Error(ElementName(fields, name, i) + " is not a string; get the original");
    strings.push_back(list[i].get<std::string>());
  }
  return strings;
}

std::vector<int32_t> NeedIds(const JsonFields& fields, const char* name) {
  const nlohmann::json& list = NeedList(fields, name);
  std::vector<int32_t> ids;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!IsId(list[i])) throw Error(ElementName(fields, name, i) + " is not a token id; get the original");
    ids.push_back(list[i].get<int32_t>());
  }
  return ids;
}

double NumberOf(const nlohmann::json& value, const std::string& where) {
  if (value.is_number()) return value.get<double>();
  if (value == "infinity") return kInfinity;
  if (value == "-infinity") return -kInfinity;
  throw Error(where + " must be a number, 'infinity' or '-infinity'; get the original");
}

nlohmann::ordered_json NumberJson(double value) {
  if (value == kInfinity) return "infinity";
  if (value == -kInfinity) return "-infinity";
  return value;
}

void RefuseOtherFields(const JsonFields& fields) {
  const std::vector<std::string> others = fields.Unasked();
  if (others.empty()) return;
  throw Error(fields.where() + " has the field " + Quoted(others[0]) + ", which this version of the format does not have and nothing would check; take it out");
}

}  // namespace invar
