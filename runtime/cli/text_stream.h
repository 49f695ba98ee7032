// Generated tokens as text: whole characters only, and nothing of a stop string.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"

namespace invar::cli {

class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, const std::vector<std::string>& stops) : decoder_(tokenizer, true, true), stops_(stops) {}

  // Text that is certain now: what may turn out to begin a stop string is held back.
  std::string Add(int32_t id) { return Take(decoder_.Push(id), false); }
  // The rest, once generation has ended.
  std::string Finish() { return stopped_ ? std::string() : Take(decoder_.Flush(), true); }

  bool stopped() const { return stopped_; }
  // Everything given out.
  const std::string& text() const { return text_; }

 private:
  std::string Take(const std::string& more, bool last);

  StreamDecoder decoder_;
  std::vector<std::string> stops_;
  std::string held_;  // decoded, not yet given out
  std::string text_;
  bool stopped_ = false;
};

}  // namespace invar::cli
