#include "runtime/text/stream_decoder.h"

#include <algorithm>

#include "runtime/text/unicode.h"

namespace invar {

std::string StreamDecoder::Begun(std::string text) {
  if (begins_ && !text.empty()) {
    begins_ = false;
    if (tokenizer_->first_blanks() == Tokenizer::FirstBlanks::kOneDropped && text[0] == ' ') text.erase(0, 1);
  }
  return text;
}

std::string StreamDecoder::Row() {
  std::string text;
  if (IsValidUtf8(row_)) {
    text.swap(row_);
  } else {
    for (size_t i = 0; i < row_.size(); ++i) text += "\uFFFD";
    row_.clear();
  }
  return text;
}

std::string StreamDecoder::Push(int32_t id) {
  const std::string& bytes = tokenizer_->TokenBytes(id);
  if (bytes.empty() || (skip_special_ && tokenizer_->IsSpecial(id))) return "";
  if (tokenizer_->IsFallbackByte(id)) {
    row_ += bytes;
    return "";
  }
  std::string text = Row();
  if (begins_ && tokenizer_->first_blanks() == Tokenizer::FirstBlanks::kDroppedFromFirstToken) {
    begins_ = false;
    std::copy_if(bytes.begin(), bytes.end(), std::back_inserter(text), [](char c) { return c != ' '; });
    return text;
  }
  pending_ += bytes;
  const size_t whole = pending_.size() - IncompleteSuffix(pending_);
  text += ValidUtf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return Begun(std::move(text));
}

std::string StreamDecoder::Flush() {
  std::string text = Row() + ValidUtf8(pending_);
  pending_.clear();
  return Begun(std::move(text));
}

}  // namespace invar
