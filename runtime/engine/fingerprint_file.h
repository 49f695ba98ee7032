// The fingerprints of one text's logits, made on one machine to be compared with on another (docs/receipts.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/sha256.h"
#include "runtime/engine/record.h"
#include "runtime/engine/score.h"

namespace invar {

struct FingerprintFile {
  // A tensor inside the model, all positions' rows one after the other.
  struct Tensor {
    std::string name;
    int layer = -1;  // -1: outside the layers
    std::string sha256;
  };

  RecordHeader header;
  std::vector<int32_t> ids;
  std::string logits;                  // SHA-256 of all of them, [ids][vocabulary]
  std::vector<std::string> positions;  // of each position's row
  std::vector<Tensor> tensors;         // in the order in which they are computed

  // The JSON document.
  std::string Text() const;
  // Of a stranger's document; messages call it `source`. Throws Error for one that is none.
  static FingerprintFile Parse(std::string_view text, const std::string& source);
};

// Hashes a text's tensors as they are computed, however it is cut.
class HashingObserver final : public Observer {
 public:
  void OnTensor(const char* name, int layer, size_t rows, size_t columns, const float* values, int64_t stride) override;
  // Once, last.
  std::vector<FingerprintFile::Tensor> Finish();

 private:
  std::map<std::pair<int, std::string>, size_t> index_;
  std::vector<std::pair<FingerprintFile::Tensor, Sha256>> tensors_;
};

// Of logits [ids][vocab_size]: a fingerprint for each position.
std::vector<std::string> PositionFingerprints(const std::vector<float>& logits, size_t vocab_size);

// Computes the text once, in the way that `feeding` says.
FingerprintFile MakeFingerprints(const Engine& engine, const std::vector<int32_t>& ids, const ModelIdentity& model, Feeding feeding);

}  // namespace invar
