#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <array>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/unicode.h"

namespace invar {

// The public steps of encoding and decoding; reading the files is in tokenizer_json.cc.

namespace {

bool IsWordPoint(uint32_t point) {
  const CharClass type = ClassOf(point);
  return type == CharClass::kLetter || type == CharClass::kNumber || point == '_';
}

uint32_t PointBefore(std::string_view text, size_t at) {
  size_t begin = at;
  do {
    --begin;
  } while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80);
  return NextPoint(text, &begin);
}

uint32_t PointAt(std::string_view text, size_t at) { return NextPoint(text, &at); }

size_t SkipSpaces(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t next = at;
    if (ClassOf(NextPoint(text, &next)) != CharClass::kSpace) break;
    at = next;
  }
  return at;
}

size_t SkipSpacesBack(std::string_view text, size_t at, size_t least) {
  while (at > least) {
    size_t begin = at;
    do {
      --begin;
    } while (begin > least && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80);
    if (ClassOf(PointAt(text, begin)) != CharClass::kSpace) break;
    at = begin;
  }
  return at;
}

}  // namespace

std::vector<Tokenizer::Piece> Tokenizer::SplitAdded(std::string_view text, bool normalized) const {
  std::vector<Piece> pieces;
  const auto& added = added_[normalized ? 1 : 0];
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !added.empty();) {
    const auto candidates = added.find(text[at]);
    const AddedToken* match = nullptr;
    if (candidates != added.end()) {
      for (const AddedToken& token : candidates->second) {
        if (text.compare(at, token.content.size(), token.content) == 0) {
          match = &token;
          break;
        }
      }
    }
    if (match == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match->content.size();
    if (match->single_word && ((begin > 0 && IsWordPoint(PointBefore(text, begin))) ||
                               (end < text.size() && IsWordPoint(PointAt(text, end))))) {
      at = end;
      continue;
    }
    if (match->lstrip) begin = SkipSpacesBack(text, begin, done);
    if (match->rstrip) end = SkipSpaces(text, end);
    if (begin > done) pieces.push_back({std::string(text.substr(done, begin - done)), -1});
    pieces.push_back({"", match->id});
    done = at = end;
  }
  if (done < text.size()) pieces.push_back({std::string(text.substr(done)), -1});
  return pieces;
}

void Tokenizer::EncodeText(std::string_view text, std::vector<int32_t>* ids) const {
  std::string prefixed;
  if (add_prefix_space_ && !text.empty() && text[0] != ' ') {
    prefixed = " " + std::string(text);
    text = prefixed;
  }
  for (const std::string_view piece : Split(splitter_, text)) {
    if (ignore_merges_) {
      const auto whole = ids_.find(std::string(piece));
      if (whole != ids_.end()) {
        ids->push_back(whole->second);
        continue;
      }
    }
    bpe_.Encode(piece, ids);
  }
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text, bool add_special) const {
  const ScopedFloatEnv env;  // containers size themselves in floating point
  std::vector<int32_t> ids;
  if (add_special) ids = prefix_;
  for (const Piece& raw : SplitAdded(ValidUtf8(text), false)) {
    if (raw.added >= 0) {
      ids.push_back(raw.added);
      continue;
    }
    for (const Piece& piece : SplitAdded(nfc_ ? Nfc(raw.text) : raw.text, true)) {
      if (piece.added >= 0) {
        ids.push_back(piece.added);
      } else {
        EncodeText(piece.text, &ids);
      }
    }
  }
  if (add_special) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

std::string Tokenizer::Decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!skip_special || !IsSpecial(id)) bytes += TokenBytes(id);
  }
  return ValidUtf8(bytes);
}

const std::string& Tokenizer::TokenBytes(int32_t id) const {
  static const std::string empty;
  return id >= 0 && static_cast<size_t>(id) < bytes_.size() ? bytes_[static_cast<size_t>(id)] : empty;
}

bool Tokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < special_.size() && special_[static_cast<size_t>(id)];
}

std::optional<int32_t> Tokenizer::TokenToId(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? std::nullopt : std::optional<int32_t>(found->second);
}

}  // namespace invar
