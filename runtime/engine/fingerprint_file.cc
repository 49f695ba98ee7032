#include "runtime/engine/fingerprint_file.h"

#include "runtime/base/error.h"

namespace invar {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "invar fingerprints";

}  // namespace

std::string FingerprintFile::Text() const {
  Json json = HeaderJson(kFormat, header);
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
  file.header = ReadHeader(fields, kFormat);
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
  for (size_t i = 0; i < tensors.size(); ++i) {
    const JsonFields one(tensors[i], ElementName(fields, "tensors", i));
    Tensor tensor;
    tensor.name = NeedString(one, "name");
    if (one.Find("layer") != nullptr) tensor.layer = static_cast<int>(NeedUnsigned(one, "layer", 0, INT32_MAX));
    tensor.sha256 = NeedHash(one, "sha256");
    RefuseOtherFields(one);
    file.tensors.push_back(std::move(tensor));
  }
  return file;
}

void HashingObserver::OnTensor(const char* name, int layer, size_t rows, size_t columns, const float* values, int64_t stride) {
  const auto [it, added] = index_.try_emplace({layer, name}, tensors_.size());
  if (added) tensors_.emplace_back(FingerprintFile::Tensor{name, layer, ""}, Sha256());
  Sha256& hash = tensors_[it->second].second;
  for (size_t r = 0; r < rows; ++r) hash.UpdateFloats(values + static_cast<int64_t>(r) * stride, columns);
}

std::vector<FingerprintFile::Tensor> HashingObserver::Finish() {
  std::vector<FingerprintFile::Tensor> tensors;
  for (auto& [tensor, hash] : tensors_) {
    tensor.sha256 = Hex(hash.Finish());
    tensors.push_back(tensor);
  }
  return tensors;
}

std::vector<std::string> PositionFingerprints(const std::vector<float>& logits, size_t vocab_size) {
  std::vector<std::string> hashes;
  for (size_t at = 0; at < logits.size(); at += vocab_size) hashes.push_back(Fingerprint(logits.data() + at, vocab_size));
  return hashes;
}

FingerprintFile MakeFingerprints(const Engine& engine, const std::vector<int32_t>& ids, const ModelIdentity& model, Feeding feeding) {
  HashingObserver observer;
  feeding.observer = &observer;
  const std::vector<float> logits = Logits(engine, ids, feeding);
  return {HeaderOf(model), ids, Fingerprint(logits.data(), logits.size()), PositionFingerprints(logits, engine.vocab_size()),
          observer.Finish()};
}

}  // namespace invar
