// Tokens to text as they come: never half a character, and all of it together is what decoding at once gives.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/text/tokenizer.h"

namespace invar {

class StreamDecoder {
 public:
  // `continues`: the tokens follow a text that was given out already.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true, bool continues = false)
      : tokenizer_(&tokenizer), skip_special_(skip_special), begins_(!continues) {}

  // The text that is certain once this token is known. A row of single bytes that stand for characters which the vocabulary
  // lacks is held until it ends: only then is it certain whether it is UTF-8.
  std::string Push(int32_t id);

  // What is left when no more tokens come: a character that never ended is U+FFFD.
  std::string Flush();

 private:
  // Drops the blank that encoding put before the text.
  std::string Begun(std::string text);
  // The row of single bytes, which has ended.
  std::string Row();

  const Tokenizer* tokenizer_;
  bool skip_special_;
  bool begins_;          // nothing was given out yet
  std::string pending_;  // bytes of a character that has begun
  std::string row_;      // single bytes in a row
};

}  // namespace invar
