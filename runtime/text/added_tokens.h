// Tokens that are found in the text before it is cut into pieces: special ones, and others that were added to a vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

struct AddedToken {
  std::string content;  // as it is looked for
  int32_t id = -1;
  bool single_word = false;              // not where it touches a word
  bool lstrip = false, rstrip = false;  // takes the spaces on that side with it
};

class AddedTokens {
 public:
  struct Part {
    std::string_view text;  // to be encoded, or
    int32_t id = -1;        // the token found
  };

  // Tokens with content. Of two with the same, the later is meant.
  explicit AddedTokens(std::vector<AddedToken> tokens = {});
  bool empty() const { return tokens_.empty(); }

  // Appends the parts of valid UTF-8, the longest token at the leftmost place first.
  void Split(std::string_view text, std::vector<Part>* parts) const;

 private:
  const AddedToken* LongestAt(std::string_view text, size_t at) const;
  size_t NextStart(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;  // sorted by content
  std::array<uint32_t, 257> by_first_{};  // those that begin with byte b: from by_first_[b] to by_first_[b + 1]
  int only_first_ = -1;                   // where all begin with the same byte
};

}  // namespace invar
