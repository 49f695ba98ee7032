// The published splitters of byte-level BPE, written out from their patterns: linear in the text, no regex engine.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace invar {

enum class Splitter {
  kNone,    // the whole text is one piece
  kGpt2,    // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kQwen2,   // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  kLlama3,  // the same with \p{N}{1,3}
};

// The splitter whose pattern this is, character for character.
std::optional<Splitter> SplitterOf(std::string_view pattern);

// Where the piece ends that begins at text[at]; `text` is valid UTF-8, `at` the end of a piece or 0, and less than its size.
// All pieces together are the text.
size_t PieceEnd(Splitter splitter, std::string_view text, size_t at);

}  // namespace invar
