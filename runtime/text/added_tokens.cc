#include "runtime/text/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/text/unicode.h"

namespace invar {
namespace {

size_t PointBefore(std::string_view text, size_t at) {
  do {
    --at;
  } while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool IsWordAt(std::string_view text, size_t at) { return (PointProperties()[NextValidPoint(text, &at)] & kWordBit) != 0; }
bool IsSpaceAt(std::string_view text, size_t at) { return ClassOf(NextValidPoint(text, &at)) == CharClass::kSpace; }

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) {
  const auto less = [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; };
  std::stable_sort(tokens.begin(), tokens.end(), less);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i + 1 < tokens.size() && tokens[i].content == tokens[i + 1].content) continue;
    ++by_first_[static_cast<uint8_t>(tokens[i].content[0]) + 1u];
    tokens_.push_back(std::move(tokens[i]));
  }
  for (size_t b = 0; b < 256; ++b) {
    if (!tokens_.empty() && by_first_[b + 1] == tokens_.size()) only_first_ = static_cast<int>(b);
    by_first_[b + 1] += by_first_[b];
  }
}

size_t AddedTokens::NextStart(std::string_view text, size_t at) const {
  if (only_first_ >= 0) {
    const void* found = std::memchr(text.data() + at, only_first_, text.size() - at);
    return found == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(found) - text.data());
  }
  for (; at < text.size(); ++at) {
    const uint8_t b = static_cast<uint8_t>(text[at]);
    if (by_first_[b] != by_first_[b + 1u]) break;
  }
  return at;
}

// Narrows the sorted tokens byte by byte to those that go on as the text does: no more steps than the longest has bytes.
const AddedToken* AddedTokens::LongestAt(std::string_view text, size_t at) const {
  const uint8_t first = static_cast<uint8_t>(text[at]);
  auto low = tokens_.begin() + by_first_[first], high = tokens_.begin() + by_first_[first + 1u];
  const AddedToken* longest = nullptr;
  for (size_t depth = 1; low != high; ++depth) {
    if (low->content.size() == depth) longest = &*low++;
    if (at + depth >= text.size()) break;
    const uint8_t next = static_cast<uint8_t>(text[at + depth]);
    const auto byte = [depth](const AddedToken& token) { return static_cast<uint8_t>(token.content[depth]); };
    low = std::partition_point(low, high, [&](const AddedToken& token) { return byte(token) < next; });
    high = std::partition_point(low, high, [&](const AddedToken& token) { return byte(token) == next; });
  }
  return longest;
}

void AddedTokens::Split(std::string_view text, std::vector<Part>* parts) const {
  if (text.empty()) return;
  size_t done = 0;
  size_t spaces_begin = 0, spaces_end = 0;  // a run of spaces seen already: looking through it again would be quadratic
  for (size_t at = tokens_.empty() ? text.size() : NextStart(text, 0); at < text.size(); at = NextStart(text, at)) {
    const AddedToken* token = LongestAt(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    // The search goes on behind the token itself, even where spaces that it takes hold another one, as the reference's does.
    at = end;
    if (token->single_word && ((begin > 0 && IsWordAt(text, PointBefore(text, begin))) ||
                               (end < text.size() && IsWordAt(text, end)))) {
      continue;
    }
    if (token->lstrip) {
      while (begin > done) {
        const size_t before = PointBefore(text, begin);
        if (before < done || !IsSpaceAt(text, before)) break;
        begin = before;
      }
      begin = std::max(begin, done);
    }
    if (token->rstrip) {
      if (end < spaces_begin || end >= spaces_end) {
        spaces_begin = spaces_end = end;
        while (spaces_end < text.size() && IsSpaceAt(text, spaces_end)) NextValidPoint(text, &spaces_end);
      }
      end = spaces_end;
    }
    if (begin > done) parts->push_back({text.substr(done, begin - done), -1});
    // A token of spaces alone may find all of itself taken by the one before: then it is none.
    if (begin < end) parts->push_back({{}, token->id});
    done = end;
  }
  if (done < text.size()) parts->push_back({text.substr(done), -1});
}

}  // namespace invar
