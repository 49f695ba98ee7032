// Tokens to text as they come: never half a character, and all of it together is what decoding at once gives.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar {

class StreamDecoder {
 public:
  // `continues`: the tokens follow a text that was given out already.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true, bool continues = false)
      : tokenizer_(&tokenizer), skip_special_(skip_special), strip_blank_(!continues && tokenizer.strips_first_blank()) {}

  // The text that is certain once this token is known.
  std::string Push(int32_t id) {
    if (!skip_special_ || !tokenizer_->IsSpecial(id)) pending_ += tokenizer_->TokenBytes(id);
    if (strip_blank_ && !pending_.empty()) {
      strip_blank_ = false;
      if (pending_[0] == ' ') pending_.erase(0, 1);
    }
    const size_t keep = IncompleteSuffix(pending_);
    std::string text = ValidUtf8(std::string_view(pending_).substr(0, pending_.size() - keep));
    pending_.erase(0, pending_.size() - keep);
    return text;
  }

  // What is left when no more tokens come: a character that never ended is U+FFFD.
  std::string Flush() {
    std::string text = ValidUtf8(pending_);
    pending_.clear();
    return text;
  }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_, strip_blank_;
  std::string pending_;
};

}  // namespace invar
