#include "runtime/text/tokenizer.h"

#include <algorithm>

#include "runtime/text/stream_decoder.h"
#include "runtime/text/unicode.h"

namespace invar {

// The public steps of encoding and decoding; reading the files is in tokenizer_json.cc.

namespace {


void AppendWithBlanks(std::string_view text, std::string* to) {
  for (size_t at = 0;;) {
    const size_t blank = text.find(' ', at);
    to->append(text, at, blank - at);
    if (blank == std::string_view::npos) return;
    *to += kBlank;
    at = blank + 1;
  }
}

}  // namespace

struct Tokenizer::Work {
  Bpe::Scratch bpe;
  std::vector<AddedTokens::Part> parts, normal_parts;
  std::string normal, written;
};

std::string_view Tokenizer::Normalized(std::string_view text, std::string* storage) const {
  if (nfc_ && !IsPlainNfc(text)) {
    *storage = Nfc(text);
    text = *storage;
  }
  if (!normalizer_prepends_ && !normalizer_replaces_) return text;
  std::string written(normalizer_prepends_ && !text.empty() ? kBlank : "");
  if (normalizer_replaces_) {
    AppendWithBlanks(text, &written);
  } else {
    written += text;
  }
  return *storage = std::move(written);
}

void Tokenizer::EncodeCharacters(std::string_view text, bool first, Work* work, std::vector<int32_t>* ids) const {
  std::string& written = work->written;
  const bool begins = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && first);
  written = begins && text[0] != ' ' && !text.starts_with(kBlank) ? kBlank : "";
  if (pre_tokenizer_replaces_) {
    AppendWithBlanks(text, &written);
  } else {
    written += text;
  }
  if (!pre_tokenizer_splits_) return EncodeWritten(written, work, ids);
  for (size_t at = 0; at < written.size();) {
    const size_t end = std::min(written.find(kBlank, at + 1), written.size());
    EncodeWritten(std::string_view(written).substr(at, end - at), work, ids);
    at = end;
  }
}

void Tokenizer::EncodeWritten(std::string_view written, Work* work, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const int32_t id = entries_.Find(written); id >= 0) {
      ids->push_back(id);
      return;
    }
  }
  std::vector<int32_t>& tokens = work->bpe.tokens;
  tokens.clear();
  // An unknown character waits for the next one that is known, beyond those written in bytes: the reference does so.
  bool unknown_waits = false;
  for (size_t at = 0; at < written.size();) {
    const size_t begin = at;
    NextValidPoint(written, &at);
    const std::string_view character = written.substr(begin, at - begin);
    if (const int32_t id = entries_.Find(character); id >= 0) {
      if (unknown_waits) tokens.push_back(unknown_);
      unknown_waits = false;
      tokens.push_back(id);
      continue;
    }
    bool in_bytes = byte_fallback_;
    for (const char c : character) in_bytes = in_bytes && fallback_ids_[static_cast<uint8_t>(c)] >= 0;
    if (in_bytes) {
      for (const char c : character) tokens.push_back(fallback_ids_[static_cast<uint8_t>(c)]);
    } else if (unknown_ >= 0) {
      if (unknown_waits && !fuse_unknown_) tokens.push_back(unknown_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) tokens.push_back(unknown_);
  bpe_.Merge(&work->bpe, ids);
}

void Tokenizer::EncodeText(std::string_view text, bool first, Work* work, std::vector<int32_t>* ids) const {
  if (characters_) return EncodeCharacters(text, first, work, ids);
  if (add_prefix_space_ && text[0] != ' ') {
    work->written = ' ';
    work->written += text;
    text = work->written;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t end = PieceEnd(splitter_, text, at);
    const std::string_view piece = text.substr(at, end - at);
    if (const int32_t id = whole_.Find(piece); id >= 0) {
      ids->push_back(id);
    } else {
      bpe_.Encode(piece, &work->bpe, ids);
    }
    at = end;
  }
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text, bool add_special) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  if (add_special) ids = prefix_;
  std::string valid;
  if (!IsValidUtf8(text)) text = valid = ValidUtf8(text);
  Work work;
  raw_added_.Split(text, &work.parts);
  bool first = true;
  for (const AddedTokens::Part& raw : work.parts) {
    if (raw.id >= 0) {
      ids.push_back(raw.id);
      first = false;
      continue;
    }
    work.normal_parts.clear();
    normalized_added_.Split(Normalized(raw.text, &work.normal), &work.normal_parts);
    for (const AddedTokens::Part& part : work.normal_parts) {
      if (part.id >= 0) {
        ids.push_back(part.id);
      } else {
        EncodeText(part.text, first, &work, &ids);
      }
      first = false;
    }
  }
  if (add_special) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

std::string Tokenizer::Decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  if (!characters_) {  // what StreamDecoder gives, at once
    for (const int32_t id : ids) {
      if (!skip_special || !IsSpecial(id)) text += TokenBytes(id);
    }
    return ValidUtf8(text);
  }
  StreamDecoder stream(*this, skip_special);
  for (const int32_t id : ids) text += stream.Push(id);
  return text += stream.Flush();
}

const std::string& Tokenizer::TokenBytes(int32_t id) const {
  static const std::string empty;
  return id >= 0 && static_cast<size_t>(id) < bytes_.size() ? bytes_[static_cast<size_t>(id)] : empty;
}

}  // namespace invar
