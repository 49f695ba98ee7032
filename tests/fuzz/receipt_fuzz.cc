// Receipts and files of fingerprints: whatever is accepted contradicts itself in nothing, and is written as it was read.
#include "runtime/engine/fingerprint_file.h"
#include "runtime/engine/receipt.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

namespace {

void Check(const SequenceReceipt& s) {
  Require(!s.request.prompt.empty(), "there is something to continue");
  s.request.sampling.Check();
  Require(s.logits.size() >= s.ids.size() && s.logits.size() <= s.ids.size() + 1, "each token has its logits");
  for (const std::string& hash : s.logits) Require(hash.size() == 64, "a SHA-256 has 64 digits");
  for (size_t k = 0; k < s.ids.size(); ++k) Require(s.TokenOf(k) >= 0, "a token id is not negative");
  Require((s.TokenOf(s.ids.size()) >= 0) == (s.reason == FinishReason::kEndToken), "an end token ends a sequence");
  Require(s.TokenOf(s.ids.size() + 1) == -1, "nothing comes after the end");
  for (const std::string& stop : s.stop) Require(!stop.empty(), "a stop string is not empty");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Accepts([&] {
    const Receipt receipt = Receipt::Parse(Text(data, size), "input");
    Require(!receipt.sequences.empty(), "there is something to replay");
    for (const SequenceReceipt& s : receipt.sequences) Check(s);
    const std::string text = receipt.Text();
    Require(Accepts([&] { Require(Receipt::Parse(text, "written").Text() == text, "what is written is read as it was"); }), "what is written is read");
  });
  Accepts([&] {
    const FingerprintFile file = FingerprintFile::Parse(Text(data, size), "input");
    Require(!file.ids.empty() && file.positions.size() == file.ids.size(), "each token has its logits");
    const std::string text = file.Text();
    Require(Accepts([&] { Require(FingerprintFile::Parse(text, "written").Text() == text, "what is written is read as it was"); }), "what is written is read");
  });
  return 0;
}
