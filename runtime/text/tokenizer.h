// BPE as a Hugging Face tokenizer.json describes it: of bytes (GPT-2, Qwen, Llama 3), or of characters with blanks written as
// U+2581 and bytes for what the vocabulary lacks (SentencePiece's way: Llama 2, Mistral). Immutable after loading; any number of threads may use it.
//
// Text that is not UTF-8 is read with U+FFFD in place of each maximal part of a broken character.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/json.h"
#include "runtime/text/bpe.h"
#include "runtime/text/splitter.h"

namespace invar {

class Tokenizer {
 public:
  // From a directory's tokenizer.json, or vocab.json and merges.txt of GPT-2's kind; or from a GGUF file. Throws Error; what
  // is not supported is named.
  static Tokenizer Load(const std::filesystem::path& path);
  // Of a tokenizer.json's content; messages call it `where`.
  static Tokenizer FromJson(const nlohmann::json& json, const std::string& where);

  // Special tokens written in the text become their ids. `add_special` adds what the tokenizer puts around every text
  // (a beginning-of-text token, where it has one).
  std::vector<int32_t> Encode(std::string_view text, bool add_special = true) const;

  // The bytes of the tokens, made valid UTF-8.
  std::string Decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // The bytes that a token stands for; empty for an id that is no token.
  const std::string& TokenBytes(int32_t id) const;
  bool IsSpecial(int32_t id) const;
  std::optional<int32_t> TokenToId(std::string_view content) const;
  // Whether decoding drops the blank that encoding put before a text's first word. The text of tokens that continue another
  // text keeps it.
  bool strips_first_blank() const { return strips_first_blank_; }
  // One more than the greatest id.
  size_t vocab_size() const { return bytes_.size(); }

 private:
  struct AddedToken {
    std::string content;
    int32_t id;
    bool special, normalized, single_word, lstrip, rstrip;
  };
  struct Piece {
    std::string text;
    int32_t added = -1;  // an added token's id; otherwise text to encode
  };

  void ReadJson(const nlohmann::json& json, const std::string& where);
  void ReadVocabAndMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges);
  void ReadModel(const JsonFields& model);
  void ReadNormalizer(const nlohmann::json& normalizer, const std::string& where);
  void ReadPreTokenizer(const nlohmann::json& pre_tokenizer, const std::string& where);
  void ReadDecoder(const nlohmann::json& decoder, const std::string& where);
  void ReadPostProcessor(const nlohmann::json& post_processor, const std::string& where);
  void ReadAddedTokens(const nlohmann::json& tokens, const std::string& where);
  void SetVocabulary(const std::map<std::string, int32_t>& vocabulary, const std::string& where);
  void AddMerge(const std::string& left, const std::string& right, uint32_t rank, const std::string& where);

  std::vector<Piece> SplitAdded(std::string_view text, bool normalized) const;
  std::string Normalized(const std::string& text) const;
  // `first`: the text begins here.
  void EncodeText(std::string_view text, bool first, std::vector<int32_t>* ids) const;
  void EncodeCharacters(std::string_view text, bool first, std::vector<int32_t>* ids) const;

  Bpe bpe_;
  std::unordered_map<std::string, int32_t> ids_;  // by a token's bytes, or as the vocabulary writes it (characters_)
  std::vector<std::string> bytes_;                // by id
  std::vector<bool> special_;                     // by id
  // Added tokens by their first byte, longest first; matched before ([0]) and after ([1]) normalization.
  std::map<char, std::vector<AddedToken>> added_[2];
  std::vector<int32_t> prefix_, suffix_;  // around every text
  Splitter splitter_ = Splitter::kNone;
  bool nfc_ = false;
  bool add_prefix_space_ = false;
  bool ignore_merges_ = false;

  // SentencePiece's way.
  enum class Prepend { kNever, kFirst, kAlways };
  bool characters_ = false;
  Prepend prepend_ = Prepend::kNever;  // a blank before the text, or before each part of it between added tokens
  bool pre_tokenizer_replaces_ = false;  // blanks by U+2581
  bool normalizer_prepends_ = false, normalizer_replaces_ = false;  // the same by a normalizer, which added tokens meet too
  bool byte_fallback_ = false, fuse_unknown_ = false, strips_first_blank_ = false;
  int32_t unknown_ = -1;
};

}  // namespace invar
