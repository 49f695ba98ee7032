// The published splitters of byte-level BPE, written out from their patterns: linear in the text, no regex engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

enum class Splitter {
  kNone,    // the whole text is one piece
  kGpt2,    // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kQwen2,   // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  kLlama3,  // the same with \p{N}{1,3}
};

// The splitter whose pattern this is, character for character.
std::optional<Splitter> SplitterOf(std::string_view pattern);

// The pieces of valid UTF-8, in order; together they are the text.
std::vector<std::string_view> Split(Splitter splitter, std::string_view text);

}  // namespace invar
