// A tokenizer.json as it is read: everything as a tree but the vocabulary and the merges, of which there are some hundred
// thousand, and for which a tree is most of the time that reading takes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace invar {

struct TokenizerDocument {
  // Its model.vocab and model.merges are empty where they are below. Merges of which one is no pair are none below, and
  // here something of their length.
  nlohmann::json tree;
  // In the file's order; a key may come twice, of which the last counts.
  std::vector<std::pair<std::string, nlohmann::json>> vocabulary;
  // Left and right.
  std::vector<std::pair<std::string, std::string>> merges;

  // Throws Error as ParseJson does.
  static TokenizerDocument Parse(std::string_view text, const std::string& source);
  // Of a tree that is whole.
  static TokenizerDocument Of(const nlohmann::json& whole);
};

// "a b" as a pair, cut at the first blank; false where there is none.
bool SplitMerge(std::string_view text, std::pair<std::string, std::string>* pair);

}  // namespace invar
