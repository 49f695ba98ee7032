// BPE as a Hugging Face tokenizer.json describes it: of bytes (GPT-2, Qwen, Llama 3), or of characters with blanks written as
// U+2581 and bytes for what the vocabulary lacks (SentencePiece's way: Llama 2, Mistral). Immutable after loading; any number
// of threads may use it.
//
// Text that is not UTF-8 is read with U+FFFD in place of each maximal part of a broken character.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/json.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/bpe.h"
#include "runtime/text/splitter.h"
#include "runtime/text/token_table.h"
#include "runtime/text/tokenizer_document.h"

namespace invar {

class Tokenizer {
 public:
  // From a directory's tokenizer.json, or vocab.json and merges.txt; or from a GGUF file. Throws Error; what is not supported
  // is named.
  static Tokenizer Load(const std::filesystem::path& path);
  // Of tokenizer.json's text; messages call it `source`.
  static Tokenizer Parse(std::string_view text, const std::string& source);
  static Tokenizer FromJson(const nlohmann::json& json, const std::string& where);

  // Special tokens written in the text become their ids. `add_special` adds what the tokenizer puts around every text
  // (a beginning-of-text token, where it has one).
  std::vector<int32_t> Encode(std::string_view text, bool add_special = true) const;

  // The bytes of the tokens, made valid UTF-8. Ids that are no token are left out.
  std::string Decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // The bytes that a token stands for; empty for an id that is no token.
  const std::string& TokenBytes(int32_t id) const;
  bool IsSpecial(int32_t id) const { return Has(id, kSpecial); }
  // Whether the token stands for one byte of a character that the vocabulary lacks. A row of such tokens is decoded as a
  // whole: where it is not UTF-8, each of them is U+FFFD.
  bool IsFallbackByte(int32_t id) const { return Has(id, kFallbackByte); }
  // What decoding drops at a text's beginning, because encoding put it there. The text of tokens that continue another text
  // keeps it.
  enum class FirstBlanks { kKept, kOneDropped, kDroppedFromFirstToken };
  FirstBlanks first_blanks() const { return first_blanks_; }
  // One more than the greatest id.
  size_t vocab_size() const { return bytes_.size(); }

 private:
  enum class Prepend { kNever, kFirst, kAlways };
  static constexpr uint8_t kSpecial = 1, kFallbackByte = 2;
  struct Work;  // what one call of Encode uses again and again

  void ReadDocument(TokenizerDocument document, const std::string& where);
  void ReadVocabAndMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges);
  void ReadModel(const JsonFields& model, TokenizerDocument* document);
  void ReadNormalizer(const nlohmann::json& normalizer, const std::string& where);
  void ReadPreTokenizer(const nlohmann::json& pre_tokenizer, const std::string& where);
  void ReadDecoder(const nlohmann::json& decoder, const std::string& where);
  void ReadPostProcessor(const nlohmann::json& post_processor, const std::string& where);
  void ReadAddedTokens(const nlohmann::json& tokens, const std::string& where);
  using Vocabulary = std::vector<std::pair<std::string, nlohmann::json>>;
  void SetVocabulary(Vocabulary vocabulary, const std::string& where);
  // False, having added some of them, where two tokens have one name or one id, or an id is not below the limit.
  bool AddVocabulary(const Vocabulary& vocabulary, int64_t limit);
  using Merges = std::vector<std::pair<std::string, std::string>>;
  void AddMerges(const Merges& merges, const std::string& where);
  // Once all merges are there.
  void FindWholeTokens();
  // How decoding shows the token that is written so.
  void SetToken(int32_t id, const std::string& entry);

  bool Has(int32_t id, uint8_t flag) const {
    return id >= 0 && static_cast<size_t>(id) < flags_.size() && (flags_[static_cast<size_t>(id)] & flag) != 0;
  }
  // The normal form of a part of the text: itself, or what is then in *storage.
  std::string_view Normalized(std::string_view text, std::string* storage) const;
  // `first`: the text begins here.
  void EncodeText(std::string_view text, bool first, Work* work, std::vector<int32_t>* ids) const;
  void EncodeCharacters(std::string_view text, bool first, Work* work, std::vector<int32_t>* ids) const;
  void EncodeWritten(std::string_view written, Work* work, std::vector<int32_t>* ids) const;

  Bpe bpe_;
  TokenTable entries_;  // the vocabulary as it is written
  // Pieces of bytes that become one token. That the vocabulary holds a piece is not enough, unless merges are ignored: merges
  // in order of rank may pass it by.
  TokenTable whole_;
  size_t vocabulary_size_ = 0;
  std::vector<std::string> bytes_;  // by id
  std::vector<uint8_t> flags_;      // by id
  AddedTokens raw_added_, normalized_added_;  // looked for before and after normalization
  std::vector<int32_t> prefix_, suffix_;      // around every text
  Splitter splitter_ = Splitter::kNone;
  bool nfc_ = false;
  bool add_prefix_space_ = false;
  bool ignore_merges_ = false;

  // SentencePiece's way.
  bool characters_ = false;
  Prepend prepend_ = Prepend::kNever;  // a blank before the text, or before each part of it between added tokens
  bool pre_tokenizer_replaces_ = false;  // blanks by U+2581,
  bool pre_tokenizer_splits_ = false;    // which then begin the pieces
  bool normalizer_prepends_ = false, normalizer_replaces_ = false;  // the same by a normalizer, which added tokens meet too
  bool byte_fallback_ = false, decodes_fallback_ = false, fuse_unknown_ = false;
  FirstBlanks first_blanks_ = FirstBlanks::kKept;
  int32_t unknown_ = -1;
  std::vector<int32_t> fallback_ids_;  // of <0x00> to <0xFF>; -1 where there is none
};

}  // namespace invar
