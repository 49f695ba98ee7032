// What receipts and fingerprint files have in common (docs/receipts.md): how they begin, and how strangers' are read. Both
// are compared with what is computed, so they are read strictly: every field is there, of its type, once, and nothing else.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/json.h"
#include "runtime/model/model_hash.h"

namespace invar {

struct RecordHeader {
  std::string program;  // version of the program that wrote it; nothing depends on it
  ModelIdentity model;
};

// This program's, of a model.
RecordHeader HeaderOf(const ModelIdentity& model);
// The fields that a document begins with.
nlohmann::ordered_json HeaderJson(const char* format, const RecordHeader& header);
// Throws Error where the document is of another format, another version of it, or another version of the contract.
RecordHeader ReadHeader(const JsonFields& fields, const char* format);

// Throws Error where the model at hand is not the header's; `source` names the document, `model` the model at hand.
void RequireSameModel(const RecordHeader& header, const ModelIdentity& found, const std::string& source, const std::string& model);

// The document as it is written: one field or element to a line. Throws Error for text that is not UTF-8.
std::string RecordText(const nlohmann::ordered_json& json, const std::string& what);

// Fields that must be there. Each throws Error where the field is missing or of another kind.
std::string NeedString(const JsonFields& fields, const char* name);
uint64_t NeedUnsigned(const JsonFields& fields, const char* name, uint64_t min, uint64_t max);
std::string NeedHash(const JsonFields& fields, const char* name);
std::vector<std::string> NeedHashes(const JsonFields& fields, const char* name);
std::vector<std::string> NeedStrings(const JsonFields& fields, const char* name);
std::vector<int32_t> NeedIds(const JsonFields& fields, const char* name);
// The elements of a list, each an object that messages call "<where>: <name>[i]".
const nlohmann::json& NeedList(const JsonFields& fields, const char* name);
std::string ElementName(const JsonFields& fields, const char* name, size_t i);

// A number, or an infinity by name: JSON has none. NumberJson writes it.
double NumberOf(const nlohmann::json& value, const std::string& where);
nlohmann::ordered_json NumberJson(double value);

// Throws Error for a field that nothing has asked for.
void RefuseOtherFields(const JsonFields& fields);

}  // namespace invar
