#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/unicode.h"

namespace invar {

// The public steps of encoding and decoding; reading the files is in tokenizer_json.cc.

namespace {

constexpr std::string_view kBlank = "\xE2\x96\x81";  // U+2581

std::string WithBlanks(std::string_view text) {
  std::string written;
  for (const char c : text) written += c == ' ' ? std::string(kBlank) : std::string(1, c);
  return written;
}

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

std::string Tokenizer::Normalized(const std::string& text) const {
  std::string normal = nfc_ ? Nfc(text) : text;
  if (normalizer_prepends_ && !normal.empty()) normal.insert(0, kBlank);
  return normalizer_replaces_ ? WithBlanks(normal) : normal;
}

void Tokenizer::EncodeCharacters(std::string_view text, bool first, std::vector<int32_t>* ids) const {
  if (text.empty()) return;
  std::string written;
  const bool begins = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && first);
  if (begins && text[0] != ' ' && !text.starts_with(kBlank)) written = kBlank;
  written += pre_tokenizer_replaces_ ? WithBlanks(text) : std::string(text);
  std::vector<int32_t> tokens;
  for (size_t at = 0; at < written.size();) {
    const size_t begin = at;
    NextPoint(written, &at);
    const std::string character = written.substr(begin, at - begin);
    if (const auto found = ids_.find(character); found != ids_.end()) {
      tokens.push_back(found->second);
      continue;
    }
    std::vector<int32_t> bytes;
    for (const char c : character) {
      char name[8];
      std::snprintf(name, sizeof(name), "<0x%02X>", static_cast<unsigned>(static_cast<unsigned char>(c)));
      const auto found = byte_fallback_ ? ids_.find(name) : ids_.end();
      if (found == ids_.end()) break;
      bytes.push_back(found->second);
    }
    if (bytes.size() == character.size()) {
      tokens.insert(tokens.end(), bytes.begin(), bytes.end());
    } else if (unknown_ >= 0 && !(fuse_unknown_ && !tokens.empty() && tokens.back() == unknown_)) {
      tokens.push_back(unknown_);
    }
  }
  bpe_.Merged(tokens, ids);
}

void Tokenizer::EncodeText(std::string_view text, bool first, std::vector<int32_t>* ids) const {
  if (characters_) return EncodeCharacters(text, first, ids);
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
  bool first = true;
  for (const Piece& raw : SplitAdded(ValidUtf8(text), false)) {
    if (raw.added >= 0) {
      ids.push_back(raw.added);
      first = false;
      continue;
    }
    for (const Piece& piece : SplitAdded(Normalized(raw.text), true)) {
      if (piece.added >= 0) {
        ids.push_back(piece.added);
      } else {
        EncodeText(piece.text, first, &ids);
      }
      first = false;
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
  if (strips_first_blank_ && bytes.starts_with(' ')) bytes.erase(0, 1);
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
