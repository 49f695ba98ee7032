// Reading a tokenizer's files. Anything whose meaning is not known is refused by name: a wrong id is worse than none.
#include <algorithm>
#include <array>
#include <charconv>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar {
namespace {

constexpr size_t kLargestFile = size_t{256} << 20;
constexpr int64_t kLargestId = (1 << 26) - 1;

// Byte-level BPE writes each byte as a printable character: itself where it has one, otherwise U+0100 and on, in order
// of the byte (GPT-2's bytes_to_unicode).
const std::unordered_map<uint32_t, uint8_t>& ByteOfCharacter() {
  static const std::unordered_map<uint32_t, uint8_t> map = [] {
    std::unordered_map<uint32_t, uint8_t> m;
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      m[printable ? b : next++] = static_cast<uint8_t>(b);
    }
    return m;
  }();
  return map;
}

// The bytes that a vocabulary's entry stands for; nothing where it is not written in those characters.
std::optional<std::string> BytesOf(const std::string& entry) {
  std::string bytes;
  for (size_t at = 0; at < entry.size();) {
    const auto found = ByteOfCharacter().find(NextPoint(entry, &at));
    if (found == ByteOfCharacter().end()) return std::nullopt;
    bytes.push_back(static_cast<char>(found->second));
  }
  return bytes;
}

// What a SentencePiece-style entry stands for: blanks for U+2581, a byte for <0xAB>.
std::string CharacterBytes(const std::string& entry, bool byte_fallback) {
  unsigned byte = 0;
  if (byte_fallback && entry.size() == 6 && entry.starts_with("<0x") && entry[5] == '>' &&
      std::from_chars(entry.data() + 3, entry.data() + 5, byte, 16).ptr == entry.data() + 5) {
    return std::string(1, static_cast<char>(byte));
  }
  std::string bytes;
  for (size_t at = 0; at < entry.size();) {
    const bool blank = entry.compare(at, 3, "\xE2\x96\x81") == 0;
    bytes += blank ? ' ' : entry[at];
    at += blank ? 3 : 1;
  }
  return bytes;
}

std::string TypeOf(const nlohmann::json& part, const std::string& where) {
  const JsonFields fields(part, where);
  if (fields.IsNull("type")) fields.Reject("type", "a name");
  return fields.String("type").value();
}

bool FlagOf(const JsonFields& fields, const char* name, bool fallback) {
  return fields.IsNull(name) ? fallback : fields.Bool(name).value();
}

[[noreturn]] void Unsupported(const std::string& where, const std::string& what) {
  throw Error(where + " asks for " + what + ", which is not supported");
}

}  // namespace

Tokenizer Tokenizer::FromJson(const nlohmann::json& json, const std::string& where) {
  const ScopedFloatEnv env;
  Tokenizer tokenizer;
  tokenizer.ReadJson(json, where);
  return tokenizer;
}

Tokenizer Tokenizer::Load(const std::filesystem::path& directory) {
  const ScopedFloatEnv env;
  if (const std::optional<std::filesystem::path> gguf = GgufPath(directory)) {
    return FromJson(GgufTokenizer(GgufFile::Open(*gguf)), "the tokenizer of " + gguf->string());
  }
  Tokenizer tokenizer;
  std::error_code error;
  const std::filesystem::path json = directory / "tokenizer.json", vocab = directory / "vocab.json",
                              merges = directory / "merges.txt";
  if (std::filesystem::exists(json, error)) {
    tokenizer.ReadJson(ParseJsonFile(json, kLargestFile), json.string());
  } else if (std::filesystem::exists(vocab, error) && std::filesystem::exists(merges, error)) {
    tokenizer.ReadVocabAndMerges(vocab, merges);
  } else {
    throw Error(directory.string() + " holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt");
  }
  return tokenizer;
}

void Tokenizer::SetVocabulary(const std::map<std::string, int32_t>& vocabulary, const std::string& where) {
  for (const auto& [entry, id] : vocabulary) {
    if (static_cast<size_t>(id) >= bytes_.size()) bytes_.resize(static_cast<size_t>(id) + 1);
    if (characters_) {
      bytes_[static_cast<size_t>(id)] = CharacterBytes(entry, byte_fallback_);
      ids_.emplace(entry, id);
      continue;
    }
    const std::string bytes = BytesOf(entry).value_or(entry);
    bytes_[static_cast<size_t>(id)] = bytes;
    ids_.emplace(bytes, id);
  }
  if (vocabulary.empty()) throw Error(where + ": the vocabulary is empty");
  for (int b = 0; b < 256; ++b) {
    const auto found = ids_.find(std::string(1, static_cast<char>(b)));
    bpe_.SetByte(static_cast<uint8_t>(b), found == ids_.end() ? -1 : found->second);
  }
  special_.assign(bytes_.size(), false);
}

void Tokenizer::AddMerge(const std::string& left, const std::string& right, uint32_t rank, const std::string& where) {
  const auto id_of = [&](const std::string& bytes) {
    const auto found = ids_.find(bytes);
    if (found == ids_.end()) {
      throw Error(where + ": merge " + std::to_string(rank) + " uses a token that the vocabulary lacks");
    }
    return found->second;
  };
  const std::string l = characters_ ? left : BytesOf(left).value_or(left), r = characters_ ? right : BytesOf(right).value_or(right);
  bpe_.AddMerge(id_of(l), id_of(r), {rank, id_of(l + r)});
}

void Tokenizer::ReadVocabAndMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges) {
  const nlohmann::json json = ParseJsonFile(vocab, kLargestFile);
  if (!json.is_object()) throw Error(vocab.string() + " must hold a JSON object of tokens and ids");
  std::map<std::string, int32_t> vocabulary;
  for (const auto& [entry, id] : json.items()) {
    if (!id.is_number_integer() || id < 0 || id > kLargestId) {
      throw Error(vocab.string() + ": the id of " + Quoted(entry) + " is not a whole number below 2^26");
    }
    vocabulary[entry] = id.get<int32_t>();
  }
  SetVocabulary(vocabulary, vocab.string());
  const std::string text = ReadWholeFile(merges, kLargestFile);
  uint32_t rank = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.rfind("#version", 0) == 0) continue;
    const size_t space = line.find(' ');
    if (space == std::string::npos) throw Error(merges.string() + ": " + Quoted(line) + " is not a pair of tokens");
    AddMerge(line.substr(0, space), line.substr(space + 1), rank++, merges.string());
  }
  splitter_ = Splitter::kGpt2;
  // The one special token of GPT-2, which these two files do not mark.
  const auto end_of_text = vocabulary.find("<|endoftext|>");
  if (end_of_text != vocabulary.end()) {
    special_[static_cast<size_t>(end_of_text->second)] = true;
    added_[0]['<'].push_back({"<|endoftext|>", end_of_text->second, true, false, false, false, false});
  }
}

void Tokenizer::ReadJson(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  if (fields.IsNull("model")) fields.Reject("model", "an object");
  if (fields.IsNull("decoder")) fields.Reject("decoder", "an object");
  ReadDecoder(*fields.Find("decoder"), where + ": decoder");  // says whether tokens are of bytes or of characters
  ReadModel(JsonFields(*fields.Find("model"), where + ": model"));
  if (!fields.IsNull("normalizer")) ReadNormalizer(*fields.Find("normalizer"), where + ": normalizer");
  if (!fields.IsNull("pre_tokenizer")) ReadPreTokenizer(*fields.Find("pre_tokenizer"), where + ": pre_tokenizer");
  if (!fields.IsNull("added_tokens")) ReadAddedTokens(*fields.Find("added_tokens"), where + ": added_tokens");
  if (!fields.IsNull("post_processor")) ReadPostProcessor(*fields.Find("post_processor"), where + ": post_processor");
}

// ByteLevel; or Replace of U+2581 by a blank, ByteFallback, Fuse, and Strip of one blank at the start.
void Tokenizer::ReadDecoder(const nlohmann::json& decoder, const std::string& where) {
  const std::string type = TypeOf(decoder, where);
  const JsonFields fields(decoder, where);
  if (type == "Sequence") {
    const nlohmann::json* parts = fields.Find("decoders");
    if (parts == nullptr || !parts->is_array()) fields.Reject("decoders", "a list");
    for (const nlohmann::json& part : *parts) ReadDecoder(part, where);
  } else if (type == "Replace") {
    const nlohmann::json *pattern = fields.Find("pattern"), blank = {{"String", "\xE2\x96\x81"}};
    if (pattern == nullptr || *pattern != blank || fields.IsNull("content") || fields.String("content") != " ") {
      Unsupported(where, "a Replace other than of U+2581 by a blank");
    }
    characters_ = true;
  } else if (type == "Metaspace") {
    characters_ = true;
    const std::string scheme = fields.IsNull("prepend_scheme") ? "always" : fields.String("prepend_scheme").value();
    strips_first_blank_ = scheme != "never";
  } else if (type == "Strip") {
    if (fields.IsNull("content") || fields.String("content") != " " || fields.IsNull("start") || fields.Integer("start", 0, 9) != 1 ||
        (!fields.IsNull("stop") && fields.Integer("stop", 0, 9) != 0)) {
      Unsupported(where, "a Strip other than of one blank at the start");
    }
    strips_first_blank_ = true;
  } else if (type != "ByteLevel" && type != "ByteFallback" && type != "Fuse") {
    Unsupported(where, Quoted(type));
  }
}

void Tokenizer::ReadModel(const JsonFields& model) {
  if (!model.IsNull("type") && model.String("type") != "BPE") Unsupported(model.where(), "a model other than BPE");
  if (!model.IsNull("dropout") && model.Number("dropout", 0, 1) != 0.0) Unsupported(model.where(), "dropout");
  byte_fallback_ = FlagOf(model, "byte_fallback", false);
  fuse_unknown_ = FlagOf(model, "fuse_unk", false);
  if (byte_fallback_ && !characters_) Unsupported(model.where(), "byte_fallback beside a ByteLevel decoder");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.IsNull(name) && !model.String(name)->empty()) Unsupported(model.where(), name);
  }
  ignore_merges_ = FlagOf(model, "ignore_merges", false);
  const nlohmann::json* vocab = model.Find("vocab");
  if (vocab == nullptr || !vocab->is_object()) model.Reject("vocab", "an object of tokens and ids");
  std::map<std::string, int32_t> vocabulary;
  for (const auto& [entry, id] : vocab->items()) {
    if (!id.is_number_integer() || id < 0 || id > kLargestId) {
      throw Error(model.where() + ": the id of " + Quoted(entry) + " is not a whole number below 2^26");
    }
    vocabulary[entry] = id.get<int32_t>();
  }
  SetVocabulary(vocabulary, model.where());
  if (!model.IsNull("unk_token")) unknown_ = TokenToId(model.String("unk_token").value()).value_or(-1);
  const nlohmann::json* merges = model.Find("merges");
  if (merges == nullptr || !merges->is_array()) model.Reject("merges", "a list of pairs");
  uint32_t rank = 0;
  for (const nlohmann::json& merge : *merges) {
    // "a b", or in newer files ["a", "b"].
    if (merge.is_string()) {
      const std::string pair = merge.get<std::string>();
      const size_t space = pair.find(' ');
      if (space == std::string::npos) model.Reject("merges", "a list of pairs");
      AddMerge(pair.substr(0, space), pair.substr(space + 1), rank++, model.where());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      AddMerge(merge[0].get<std::string>(), merge[1].get<std::string>(), rank++, model.where());
    } else {
      model.Reject("merges", "a list of pairs");
    }
  }
}

void Tokenizer::ReadNormalizer(const nlohmann::json& normalizer, const std::string& where) {
  const std::string type = TypeOf(normalizer, where);
  if (type == "NFC") {
    nfc_ = true;
  } else if (type == "Prepend" || type == "Replace") {
    const JsonFields fields(normalizer, where);
    const nlohmann::json blank = {{"String", " "}};
    const bool known = type == "Prepend" ? !fields.IsNull("prepend") && fields.String("prepend") == "\xE2\x96\x81"
                                         : fields.Find("pattern") != nullptr && *fields.Find("pattern") == blank &&
                                               !fields.IsNull("content") && fields.String("content") == "\xE2\x96\x81";
    if (!known || !characters_) Unsupported(where, "a " + type + " other than of U+2581");
    (type == "Prepend" ? normalizer_prepends_ : normalizer_replaces_) = true;
  } else if (type == "Sequence") {
    const nlohmann::json* parts = JsonFields(normalizer, where).Find("normalizers");
    if (parts == nullptr || !parts->is_array()) throw Error(where + ": normalizers must be a list");
    for (const nlohmann::json& part : *parts) ReadNormalizer(part, where);
  } else {
    Unsupported(where, Quoted(type));
  }
}

void Tokenizer::ReadPreTokenizer(const nlohmann::json& pre_tokenizer, const std::string& where) {
  const std::string type = TypeOf(pre_tokenizer, where);
  const JsonFields fields(pre_tokenizer, where);
  const auto split_by = [&](Splitter splitter) {
    if (splitter_ != Splitter::kNone) Unsupported(where, "several splitters one after the other");
    splitter_ = splitter;
  };
  if (type == "Sequence") {
    const nlohmann::json* parts = fields.Find("pretokenizers");
    if (parts == nullptr || !parts->is_array()) fields.Reject("pretokenizers", "a list");
    for (const nlohmann::json& part : *parts) ReadPreTokenizer(part, where);
  } else if (type == "Metaspace" && characters_) {
    if (!fields.IsNull("replacement") && fields.String("replacement") != "\xE2\x96\x81") Unsupported(where, "a replacement other than U+2581");
    if (FlagOf(fields, "split", true)) Unsupported(where, "Metaspace that splits");
    const std::string scheme = fields.IsNull("prepend_scheme") ? "always" : fields.String("prepend_scheme").value();
    if (scheme != "always" && scheme != "first" && scheme != "never") fields.Reject("prepend_scheme", "always, first or never");
    pre_tokenizer_replaces_ = true;
    prepend_ = scheme == "always" ? Prepend::kAlways : scheme == "first" ? Prepend::kFirst : Prepend::kNever;
  } else if (type == "ByteLevel") {
    add_prefix_space_ = FlagOf(fields, "add_prefix_space", true);
    if (FlagOf(fields, "use_regex", true)) split_by(Splitter::kGpt2);
  } else if (type == "Split") {
    if (fields.IsNull("behavior") || fields.String("behavior") != "Isolated" || FlagOf(fields, "invert", false)) {
      Unsupported(where, "a Split that is not Isolated");
    }
    const nlohmann::json* pattern = fields.Find("pattern");
    if (pattern == nullptr || !pattern->is_object() || !pattern->contains("Regex") || !(*pattern)["Regex"].is_string()) {
      Unsupported(where, "a Split by something other than a Regex");
    }
    const std::string regex = (*pattern)["Regex"].get<std::string>();
    const std::optional<Splitter> splitter = SplitterOf(regex);
    if (!splitter) Unsupported(where, "the pattern " + Quoted(regex));
    split_by(*splitter);
  } else {
    Unsupported(where, Quoted(type));
  }
}

void Tokenizer::ReadAddedTokens(const nlohmann::json& tokens, const std::string& where) {
  if (!tokens.is_array()) throw Error(where + " must be a list");
  for (const nlohmann::json& token : tokens) {
    const JsonFields fields(token, where);
    if (fields.IsNull("content") || fields.IsNull("id")) throw Error(where + ": a token lacks its content or id");
    AddedToken added;
    added.content = fields.String("content").value();
    added.id = static_cast<int32_t>(fields.Integer("id", 0, kLargestId).value());
    added.special = FlagOf(fields, "special", false);
    added.normalized = FlagOf(fields, "normalized", !added.special);
    added.single_word = FlagOf(fields, "single_word", false);
    added.lstrip = FlagOf(fields, "lstrip", false);
    added.rstrip = FlagOf(fields, "rstrip", false);
    if (added.content.empty()) continue;
    const size_t id = static_cast<size_t>(added.id);
    if (id >= bytes_.size()) {
      bytes_.resize(id + 1);
      special_.resize(id + 1, false);
    }
    bytes_[id] = added.content;
    special_[id] = added.special;
    ids_.emplace(added.content, added.id);
    if (added.normalized) {
      added.content = Normalized(added.content);
      // The reference decodes such a token with the blank that its normalizer put there.
      if (normalizer_prepends_) bytes_[id] = CharacterBytes(added.content, false);
    }
    added_[added.normalized ? 1 : 0][added.content[0]].push_back(added);
  }
  for (auto& by_byte : added_) {
    for (auto& [byte, list] : by_byte) {
      std::stable_sort(list.begin(), list.end(), [](const AddedToken& a, const AddedToken& b) {
        return a.content.size() > b.content.size();
      });
    }
  }
}

void Tokenizer::ReadPostProcessor(const nlohmann::json& post_processor, const std::string& where) {
  const std::string type = TypeOf(post_processor, where);
  const JsonFields fields(post_processor, where);
  if (type == "ByteLevel") return;  // moves offsets, not ids
  if (type == "Sequence") {
    const nlohmann::json* parts = fields.Find("processors");
    if (parts == nullptr || !parts->is_array()) fields.Reject("processors", "a list");
    for (const nlohmann::json& part : *parts) ReadPostProcessor(part, where);
    return;
  }
  if (type != "TemplateProcessing") Unsupported(where, Quoted(type));
  const nlohmann::json* single = fields.Find("single");
  if (single == nullptr || !single->is_array()) fields.Reject("single", "a list");
  bool after = false;
  for (const nlohmann::json& part : *single) {
    if (part.is_object() && part.contains("Sequence")) {
      after = true;
    } else if (part.is_object() && part.contains("SpecialToken") && part["SpecialToken"].contains("id") &&
               part["SpecialToken"]["id"].is_string()) {
      const std::string name = part["SpecialToken"]["id"].get<std::string>();
      const std::optional<int32_t> id = TokenToId(name);
      if (!id) throw Error(where + ": the token " + Quoted(name) + " is not in the vocabulary");
      (after ? suffix_ : prefix_).push_back(*id);
    } else {
      fields.Reject("single", "a list of Sequence and SpecialToken");
    }
  }
}

}  // namespace invar
