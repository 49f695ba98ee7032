// A receipt: what was asked of a model and what it answered, with a fingerprint of the logits at each step, so that anyone
// with the model can compute it again and compare (docs/receipts.md). Nothing in it depends on the machine, the instruction
// set, the threads or the batch: the same run gives the same bytes everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/generate.h"
#include "runtime/engine/record.h"

namespace invar {

struct SequenceReceipt {
  std::optional<std::string> prompt;  // the text that prompt ids were made of; nothing where they were given, or it is no UTF-8
  GenerateRequest request;
  std::vector<std::string> stop;  // texts that end the sequence; none is empty

  std::vector<std::string> logits;  // SHA-256 of the row of each step: one for each of `ids`, and one that chose no more
  std::vector<int32_t> ids;         // generated, without an end token
  FinishReason reason = FinishReason::kLength;
  int32_t end_token = -1;  // with kEndToken: which
  std::string error;       // with kError: a sentence
  std::string text;        // of `ids`, before a stop string

  // The token that step `k` chose; -1 where it chose none, or there is no such step.
  int32_t TokenOf(size_t k) const;
};

struct Receipt {
  RecordHeader header;
  std::vector<SequenceReceipt> sequences;

  // The JSON document. Throws Error for text that is not UTF-8.
  std::string Text() const;
  // Of a stranger's document; messages call it `source`. Throws Error for one that is not a receipt, or contradicts itself.
  static Receipt Parse(std::string_view text, const std::string& source);
};

// What Generate tells of each step, for receipts.
class StepRecorder {
 public:
  StepRecorder(size_t requests, size_t vocab_size) : vocab_size_(vocab_size), steps_(requests) {}

  void Add(const GenerateStep& step);
  // Fills in what request `i` came to.
  void Fill(size_t i, const GenerateResult& result, SequenceReceipt& receipt) const;

 private:
  struct Steps {
    std::vector<std::string> logits;
    int32_t last = -1;
  };
  size_t vocab_size_;
  std::vector<Steps> steps_;
};

// "end", "stop", "length" or "error".
const char* FinishName(FinishReason reason);

}  // namespace invar
