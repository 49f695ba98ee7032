// The fingerprints of a text computed here; reading a stranger's (fingerprint_file.cc) needs no model.
#include "runtime/engine/fingerprint_file.h"

namespace invar {

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
