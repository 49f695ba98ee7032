#include "runtime/engine/fingerprint_file.h"

#include <set>

#include "runtime/base/error.h"

namespace invar {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFingerprintFormat = "invar fingerprints";

}  // namespace

std::string FingerprintFile::Text() const {
  Json json = HeaderJson(kFingerprintFormat, header);
  json["ids"] = ids;
  json["logits_sha256"] = logits;
  json["positions_sha256"] = positions;
  json["tensors"] = Json::array();
  for (const Tensor& t : tensors) {
    Json one = {{"name", t.name}};
    if (t.layer >= 0) one["layer"] = t.layer;
    one["sha256"] = t.sha256;
    json["tensors"].push_back(std::move(one));
  }
  return RecordText(json, "the file of fingerprints");
}

FingerprintFile FingerprintFile::Parse(std::string_view text, const std::string& source) {
  const nlohmann::json json = ParseUniqueJson(text, source);
  const JsonFields fields(json, source);
  FingerprintFile file;
  file.header = ReadHeader(fields, kFingerprintFormat);
  file.ids = NeedIds(fields, "ids");
  file.logits = NeedHash(fields, "logits_sha256");
  file.positions = NeedHashes(fields, "positions_sha256");
  const nlohmann::json& tensors = NeedList(fields, "tensors");
  RefuseOtherFields(fields);
  if (file.ids.empty()) throw Error(source + " has no ids, so there is nothing to compare; get the original");
  if (file.positions.size() != file.ids.size()) {
    throw Error(source + " contradicts itself: it has " + std::to_string(file.positions.size()) + " positions_sha256 for " +
                std::to_string(file.ids.size()) + " ids; get the original");
  }
  if (tensors.empty()) throw Error(source + " has no tensors, and every model computes some on the way to its logits; get the original");
  std::set<std::pair<int, std::string>> seen;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const JsonFields one(tensors[i], ElementName(fields, "tensors", i));
    Tensor tensor;
    tensor.name = NeedString(one, "name");
    if (one.Find("layer") != nullptr) tensor.layer = static_cast<int>(NeedUnsigned(one, "layer", 0, INT32_MAX));
    tensor.sha256 = NeedHash(one, "sha256");
    RefuseOtherFields(one);
    if (!seen.emplace(tensor.layer, tensor.name).second) {
      throw Error(one.where() + " is of a tensor that the file has already; get the original");
    }
    file.tensors.push_back(std::move(tensor));
  }
  return file;
}

}  // namespace invar
