// Reading a tokenizer's files. Anything whose meaning is not known is refused by name: a wrong id is worse than none.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>

#include "invar/float_env.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar {
namespace {

constexpr size_t kLargestFile = size_t{256} << 20;

// Byte-level BPE writes each byte as a printable character: itself where it has one, otherwise U+0100 and on, in order
// of the byte (GPT-2's bytes_to_unicode).
// A character's byte, or -1.
const std::array<int16_t, 0x144>& ByteOfCharacter() {
  static const std::array<int16_t, 0x144> bytes = [] {
    std::array<int16_t, 0x144> m;
    m.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      m[printable ? b : next++] = static_cast<int16_t>(b);
    }
    return m;
  }();
  return bytes;
}

// The bytes that a vocabulary's entry stands for; nothing where it is not written in those characters.
std::optional<std::string> BytesOf(const std::string& entry) {
  const std::array<int16_t, 0x144>& byte_of = ByteOfCharacter();
  std::string bytes;
  bytes.reserve(entry.size());
  for (size_t at = 0; at < entry.size();) {
    const uint32_t character = NextPoint(entry, &at);
    if (character >= byte_of.size() || byte_of[character] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte_of[character]));
  }
  return bytes;
}

// The byte that an entry such as <0xAB> stands for; -1 where it is none.
int FallbackByte(const std::string& entry) {
  unsigned byte = 0;
  const char* begin = entry.data() + 3;
  const bool is = entry.size() == 6 && entry.starts_with("<0x") && entry[5] == '>' &&
                  std::from_chars(begin, begin + 2, byte, 16).ptr == begin + 2;
  return is ? static_cast<int>(byte) : -1;
}

std::string WithSpaces(const std::string& entry) {
  std::string text;
  for (size_t at = 0; at < entry.size();) {
    const bool blank = entry.compare(at, kBlank.size(), kBlank) == 0;
    text += blank ? ' ' : entry[at];
    at += blank ? kBlank.size() : 1;
  }
  return text;
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

// The steps of a part that may be a Sequence of others, in order.
void Flatten(const nlohmann::json& part, const char* list, const std::string& where, std::vector<const nlohmann::json*>* steps) {
  if (TypeOf(part, where) != "Sequence") return steps->push_back(&part);
  const JsonFields fields(part, where);
  const nlohmann::json* parts = fields.Find(list);
  if (parts == nullptr || !parts->is_array()) fields.Reject(list, "a list");
  for (const nlohmann::json& inner : *parts) Flatten(inner, list, where, steps);
}

std::string Scheme(const JsonFields& metaspace) {
  if (!metaspace.IsNull("replacement") && metaspace.String("replacement") != kBlank) {
    Unsupported(metaspace.where(), "a replacement other than U+2581");
  }
  const std::string scheme = metaspace.IsNull("prepend_scheme") ? "always" : metaspace.String("prepend_scheme").value();
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    metaspace.Reject("prepend_scheme", "always, first or never");
  }
  if (!FlagOf(metaspace, "add_prefix_space", true) && scheme != "never") {
    metaspace.Reject("add_prefix_space", "true beside that prepend_scheme");
  }
  return scheme;
}

}  // namespace

namespace {

// Which of Hugging Face's classes reads a directory's vocab.json and merges.txt, as it chooses: the two files do not say how
// text is cut. GPT2Tokenizer or Qwen2Tokenizer; GPT-2's where nothing says otherwise.
std::string ClassOf(const std::filesystem::path& directory) {
  const auto read = [&](const char* file, const char* field) -> std::string {
    if (!NameExists(directory / file)) return "";
    const nlohmann::json json = ParseJsonFile(directory / file, kLargestFile);
    const JsonFields fields(json, (directory / file).string());
    return fields.IsNull(field) ? "" : fields.String(field).value();
  };
  const auto refuse = [&](const char* file, const std::string& what) {
    throw Error((directory / file).string() + ": how " + what + " cuts text is not known; put the model's tokenizer.json into the directory");
  };
  std::string kind = read("tokenizer_config.json", "tokenizer_class");
  if (kind.ends_with("Fast")) kind.resize(kind.size() - 4);
  if (kind == "GPT2Tokenizer" || kind == "Qwen2Tokenizer") return kind;
  if (!kind.empty()) refuse("tokenizer_config.json", "the tokenizer_class " + Quoted(kind));
  const std::string type = read("config.json", "model_type");
  if (type == "qwen2" || type == "qwen3" || type == "qwen3_moe") return "Qwen2Tokenizer";
  if (!type.empty() && type != "gpt2") refuse("config.json", "a tokenizer of model_type " + Quoted(type));
  return "GPT2Tokenizer";
}

}  // namespace

Tokenizer Tokenizer::FromJson(const nlohmann::json& json, const std::string& where) {
  const ScopedFloatEnv env;
  Tokenizer tokenizer;
  tokenizer.ReadDocument(TokenizerDocument::Of(json), where);
  return tokenizer;
}

Tokenizer Tokenizer::Load(const std::filesystem::path& directory) {
  const ScopedFloatEnv env;
  if (const std::optional<std::filesystem::path> gguf = GgufPath(directory)) {
    return FromJson(GgufTokenizer(GgufFile::Open(*gguf)), "the tokenizer of " + gguf->string());
  }
  Tokenizer tokenizer;
  const std::filesystem::path json = directory / "tokenizer.json", vocab = directory / "vocab.json",
                              merges = directory / "merges.txt";
  if (NameExists(json)) {
    tokenizer.ReadDocument(TokenizerDocument::Parse(ReadWholeFile(json, kLargestFile), json.string()), json.string());
  } else if (NameExists(vocab) && NameExists(merges)) {
    tokenizer.ReadVocabAndMerges(vocab, merges);
  } else {
    throw Error(directory.string() + " holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt");
  }
  return tokenizer;
}

Tokenizer Tokenizer::Parse(std::string_view text, const std::string& source) {
  const ScopedFloatEnv env;
  Tokenizer tokenizer;
  tokenizer.ReadDocument(TokenizerDocument::Parse(text, source), source);
  return tokenizer;
}

void Tokenizer::SetToken(int32_t id, const std::string& entry) {
  const size_t at = static_cast<size_t>(id);
  if (at >= bytes_.size()) {
    bytes_.resize(at + 1);
    flags_.resize(at + 1);
  }
  const int byte = decodes_fallback_ ? FallbackByte(entry) : -1;
  flags_[at] = byte >= 0 ? kFallbackByte : 0;
  if (byte >= 0) {
    bytes_[at] = std::string(1, static_cast<char>(byte));
  } else {
    bytes_[at] = characters_ ? WithSpaces(entry) : BytesOf(entry).value_or(entry);
  }
}

bool Tokenizer::AddVocabulary(const Vocabulary& vocabulary, int64_t limit) {
  entries_.Reserve(vocabulary.size());
  bytes_.reserve(vocabulary.size());
  flags_.reserve(vocabulary.size());
  std::vector<bool> seen(vocabulary.size());
  for (const auto& [entry, id] : vocabulary) {
    if (!id.is_number_integer() || id < 0 || id >= limit) return false;
    const size_t at = id.get<size_t>();
    if (at >= seen.size()) seen.resize(at + 1);
    if (seen[at]) return false;
    seen[at] = true;
    entries_.Add(entry, static_cast<int32_t>(at));
    SetToken(static_cast<int32_t>(at), entry);
  }
  return entries_.size() == vocabulary.size();
}

void Tokenizer::SetVocabulary(Vocabulary vocabulary, const std::string& where) {
  if (vocabulary.empty()) throw Error(where + ": the vocabulary is empty");
  // Memory is taken for every id up to the greatest; published vocabularies have hardly a gap.
  const auto limit_of = [](const Vocabulary& v) { return static_cast<int64_t>(std::min(v.size() * 4 + 65536, size_t{INT32_MAX})); };
  if (!AddVocabulary(vocabulary, limit_of(vocabulary))) {
    // Of equal names the last counts; of equal ids the last name, in the names' order.
    entries_ = TokenTable();
    bytes_.clear();
    flags_.clear();
    std::map<std::string, nlohmann::json> unique;
    for (auto& [entry, id] : vocabulary) unique[entry] = std::move(id);
    vocabulary.assign(unique.begin(), unique.end());
    const int64_t limit = limit_of(vocabulary);
    for (const auto& [entry, id] : vocabulary) {
      if (!id.is_number_integer() || id < 0 || id >= limit) {
        throw Error(where + ": the id of " + Quoted(entry) + " is not a whole number below " + std::to_string(limit) +
                    ", the most for a vocabulary of " + std::to_string(vocabulary.size()) + " tokens");
      }
      entries_.Add(entry, id.get<int32_t>());
      SetToken(id.get<int32_t>(), entry);
    }
  }
  vocabulary_size_ = vocabulary.size();
  if (characters_) {
    char name[8];
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::snprintf(name, sizeof(name), "<0x%02X>", byte);
      fallback_ids_.push_back(entries_.Find(name));
    }
    return;
  }
  for (uint32_t character = 0; character < ByteOfCharacter().size(); ++character) {
    if (ByteOfCharacter()[character] < 0) continue;
    std::string entry;
    AppendUtf8(character, &entry);
    bpe_.SetByte(static_cast<uint8_t>(ByteOfCharacter()[character]), entries_.Find(entry));
  }
}

void Tokenizer::AddMerges(const Merges& merges, const std::string& where) {
  bpe_.Reserve(merges.size());
  const auto id_of = [&](const std::string& entry) {
    const int32_t id = entries_.Find(entry);
    if (id < 0) throw Error(where + ": a merge uses the token " + Quoted(entry) + ", which the vocabulary lacks");
    return id;
  };
  constexpr size_t kAhead = 32;  // merges whose places in the table are asked for before the first is needed
  std::vector<std::string> whole(kAhead);
  for (size_t begin = 0; begin < merges.size(); begin += kAhead) {
    const size_t count = std::min(kAhead, merges.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const auto& [left, right] = merges[begin + i];
      whole[i].assign(left).append(right);
      entries_.Prefetch(left);
      entries_.Prefetch(right);
      entries_.Prefetch(whole[i]);
    }
    for (size_t i = 0; i < count; ++i) {
      const auto& [left, right] = merges[begin + i];
      const int32_t left_id = id_of(left), right_id = id_of(right);
      bpe_.AddMerge(left_id, right_id, id_of(whole[i]));
    }
  }
}

void Tokenizer::FindWholeTokens() {
  if (characters_) return;
  whole_.Reserve(bytes_.size());
  Bpe::Scratch scratch;
  std::vector<int32_t> ids;
  for (size_t id = 0; id < bytes_.size(); ++id) {
    const std::string& bytes = bytes_[id];
    if (bytes.empty()) continue;
    ids.clear();
    // A token as long as a line is looked up no more often than it is worth.
    if (!ignore_merges_ && bytes.size() <= 256) bpe_.Encode(bytes, &scratch, &ids);
    if (ignore_merges_ || (ids.size() == 1 && ids[0] == static_cast<int32_t>(id))) whole_.Add(bytes, static_cast<int32_t>(id));
  }
}

// What beside vocab.json and merges.txt says how text is cut, and which tokens were added: tokenizer_config.json, if any.
void Tokenizer::ReadVocabAndMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges) {
  const nlohmann::json json = ParseJsonFile(vocab, kLargestFile);
  if (!json.is_object()) throw Error(vocab.string() + " must hold a JSON object of tokens and ids");
  Vocabulary vocabulary;
  for (const auto& [entry, id] : json.items()) vocabulary.emplace_back(entry, id);
  SetVocabulary(std::move(vocabulary), vocab.string());
  const std::string text = ReadWholeFile(merges, kLargestFile);
  Merges pairs;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    pairs.emplace_back();
    if (!SplitMerge(line, &pairs.back())) throw Error(merges.string() + ": " + Quoted(line) + " is not a pair of tokens");
  }
  AddMerges(pairs, merges.string());
  FindWholeTokens();

  const std::filesystem::path directory = vocab.parent_path(), beside = directory / "tokenizer_config.json";
  const std::string kind = ClassOf(directory);
  splitter_ = kind == "Qwen2Tokenizer" ? Splitter::kQwen2 : Splitter::kGpt2;
  nfc_ = kind == "Qwen2Tokenizer";
  nlohmann::json added = nlohmann::json::array();
  if (NameExists(beside)) {
    const nlohmann::json config = ParseJsonFile(beside, kLargestFile);
    const JsonFields fields(config, beside.string());
    add_prefix_space_ = FlagOf(fields, "add_prefix_space", false);
    if (!fields.IsNull("added_tokens_decoder")) {
      const nlohmann::json& tokens = *fields.Find("added_tokens_decoder");
      if (!tokens.is_object()) fields.Reject("added_tokens_decoder", "an object of ids and tokens");
      for (const auto& [id, token] : tokens.items()) {
        int32_t number = -1;
        if (std::from_chars(id.data(), id.data() + id.size(), number).ptr != id.data() + id.size() || !token.is_object()) {
          fields.Reject("added_tokens_decoder", "an object of ids and tokens");
        }
        added.push_back(token);
        added.back()["id"] = number;
      }
      std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a["id"] < b["id"]; });
    }
  }
  // The one special token of GPT-2, which those two files do not mark.
  const char* end_of_text = "<|endoftext|>";
  if (added.empty() && entries_.Find(end_of_text) >= 0) {
    added.push_back({{"content", end_of_text}, {"id", entries_.Find(end_of_text)}, {"special", true}});
  }
  ReadAddedTokens(added, beside.string() + ": added_tokens_decoder");
}

void Tokenizer::ReadDocument(TokenizerDocument document, const std::string& where) {
  const JsonFields fields(document.tree, where);
  if (fields.IsNull("model")) fields.Reject("model", "an object");
  if (fields.IsNull("decoder")) fields.Reject("decoder", "an object");
  ReadDecoder(*fields.Find("decoder"), where + ": decoder");  // says whether tokens are of bytes or of characters
  ReadModel(JsonFields(*fields.Find("model"), where + ": model"), &document);
  if (!fields.IsNull("normalizer")) ReadNormalizer(*fields.Find("normalizer"), where + ": normalizer");
  ReadPreTokenizer(fields.IsNull("pre_tokenizer") ? nlohmann::json() : *fields.Find("pre_tokenizer"), where + ": pre_tokenizer");
  if (!fields.IsNull("added_tokens")) ReadAddedTokens(*fields.Find("added_tokens"), where + ": added_tokens");
  if (!fields.IsNull("post_processor")) ReadPostProcessor(*fields.Find("post_processor"), where + ": post_processor");
}

// ByteLevel; or Metaspace; or Replace of U+2581 by a blank, then perhaps ByteFallback, Fuse, and Strip of one blank at the start.
void Tokenizer::ReadDecoder(const nlohmann::json& decoder, const std::string& where) {
  std::vector<const nlohmann::json*> steps;
  Flatten(decoder, "decoders", where, &steps);
  if (steps.empty()) throw Error(where + " has no steps");
  std::string before;  // the types so far
  for (const nlohmann::json* step : steps) {
    const std::string type = TypeOf(*step, where);
    const JsonFields fields(*step, where);
    if (type == "ByteLevel" && before.empty()) {
    } else if (type == "Metaspace" && before.empty()) {
      characters_ = true;
      if (Scheme(fields) != "never") first_blanks_ = FirstBlanks::kDroppedFromFirstToken;
    } else if (type == "Replace" && before.empty()) {
      const nlohmann::json *pattern = fields.Find("pattern"), blank = {{"String", kBlank}};
      if (pattern == nullptr || *pattern != blank || fields.IsNull("content") || fields.String("content") != " ") {
        Unsupported(where, "a Replace other than of U+2581 by a blank");
      }
      characters_ = true;
    } else if (type == "ByteFallback" && before == "Replace ") {
      decodes_fallback_ = true;
    } else if (type == "Fuse" && before.starts_with("Replace ")) {
    } else if (type == "Strip" && before.ends_with("Fuse ")) {
      if (fields.IsNull("content") || fields.String("content") != " " || fields.IsNull("start") ||
          fields.Integer("start", 0, 9) != 1 || (!fields.IsNull("stop") && fields.Integer("stop", 0, 9) != 0)) {
        Unsupported(where, "a Strip other than of one blank at the start");
      }
      first_blanks_ = FirstBlanks::kOneDropped;
    } else {
      Unsupported(where, Quoted(type) + (before.empty() ? "" : " after " + before.substr(0, before.size() - 1)));
    }
    before += type + " ";
  }
}

void Tokenizer::ReadModel(const JsonFields& model, TokenizerDocument* document) {
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
  SetVocabulary(std::move(document->vocabulary), model.where());
  if (!model.IsNull("unk_token")) {
    const std::string unknown = model.String("unk_token").value();
    unknown_ = entries_.Find(unknown);
    if (unknown_ < 0 && !unknown.empty()) {
      throw Error(model.where() + ": the vocabulary lacks the unk_token " + Quoted(unknown));
    }
    bpe_.SetUnknown(unknown_, fuse_unknown_);
  }
  const nlohmann::json* merges = model.Find("merges");
  // "a b", or in newer files ["a", "b"].
  if (merges == nullptr || !merges->is_array() || !merges->empty()) model.Reject("merges", "a list of pairs");
  AddMerges(document->merges, model.where());
  FindWholeTokens();
}

void Tokenizer::ReadNormalizer(const nlohmann::json& normalizer, const std::string& where) {
  const std::string type = TypeOf(normalizer, where);
  if (type == "NFC") {
    nfc_ = true;
  } else if (type == "Prepend" || type == "Replace") {
    const JsonFields fields(normalizer, where);
    const nlohmann::json blank = {{"String", " "}};
    const bool known = type == "Prepend" ? !fields.IsNull("prepend") && fields.String("prepend") == kBlank
                                         : fields.Find("pattern") != nullptr && *fields.Find("pattern") == blank &&
                                               !fields.IsNull("content") && fields.String("content") == kBlank;
    if (!known || !characters_) Unsupported(where, "a " + type + " other than of U+2581");
    if (type == "Prepend" && normalizer_prepends_) Unsupported(where, "two of Prepend");
    (type == "Prepend" ? normalizer_prepends_ : normalizer_replaces_) = true;
  } else if (type == "Sequence") {
    const nlohmann::json* parts = JsonFields(normalizer, where).Find("normalizers");
    if (parts == nullptr || !parts->is_array()) throw Error(where + ": normalizers must be a list");
    for (const nlohmann::json& part : *parts) ReadNormalizer(part, where);
  } else {
    Unsupported(where, Quoted(type));
  }
}

// ByteLevel, perhaps after a Split by a known pattern; for characters Metaspace, or nothing.
void Tokenizer::ReadPreTokenizer(const nlohmann::json& pre_tokenizer, const std::string& where) {
  std::vector<const nlohmann::json*> steps;
  if (!pre_tokenizer.is_null()) Flatten(pre_tokenizer, "pretokenizers", where, &steps);
  std::string last;
  for (const nlohmann::json* step : steps) {
    const std::string type = TypeOf(*step, where);
    const JsonFields fields(*step, where);
    if (type == "Metaspace" && characters_ && last.empty()) {
      const std::string scheme = Scheme(fields);
      pre_tokenizer_replaces_ = true;
      pre_tokenizer_splits_ = FlagOf(fields, "split", true);
      prepend_ = scheme == "always" ? Prepend::kAlways : scheme == "first" ? Prepend::kFirst : Prepend::kNever;
    } else if (type == "ByteLevel" && !characters_ && last != "ByteLevel") {
      add_prefix_space_ = FlagOf(fields, "add_prefix_space", true);
      if (last == "Split" && add_prefix_space_) Unsupported(where, "add_prefix_space after a Split");
      if (FlagOf(fields, "use_regex", true)) {
        if (last == "Split") Unsupported(where, "several splitters one after the other");
        splitter_ = Splitter::kGpt2;
      }
    } else if (type == "Split" && !characters_ && last.empty()) {
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
      splitter_ = *splitter;
    } else {
      Unsupported(where, Quoted(type) + (last.empty() ? "" : " after " + last));
    }
    last = type;
  }
  if (!characters_ && last != "ByteLevel") Unsupported(where, "text that ByteLevel does not cut into bytes");
}

// In the reference an added token's id follows from the vocabulary and the tokens before it, whatever the file says; a file
// that says something else is refused.
void Tokenizer::ReadAddedTokens(const nlohmann::json& tokens, const std::string& where) {
  if (!tokens.is_array()) throw Error(where + " must be a list");
  struct Flagged {
    AddedToken token;
    bool normalized;
  };
  std::map<std::string, Flagged> by_content;
  int32_t next = static_cast<int32_t>(vocabulary_size_);
  for (const nlohmann::json& token : tokens) {
    const JsonFields fields(token, where);
    if (fields.IsNull("content") || fields.IsNull("id")) throw Error(where + ": a token lacks its content or id");
    AddedToken added;
    added.content = fields.String("content").value();
    if (added.content.empty()) continue;
    added.id = static_cast<int32_t>(fields.Integer("id", 0, INT32_MAX).value());
    added.single_word = FlagOf(fields, "single_word", false);
    added.lstrip = FlagOf(fields, "lstrip", false);
    added.rstrip = FlagOf(fields, "rstrip", false);
    const bool special = FlagOf(fields, "special", false), normalized = FlagOf(fields, "normalized", !special);

    const auto before = by_content.find(added.content);
    const int32_t listed = before != by_content.end() ? before->second.token.id : entries_.Find(added.content);
    const int32_t expected = listed >= 0 ? listed : next++;
    if (added.id != expected) {
      throw Error(where + ": the token " + Quoted(added.content) + " has the id " + std::to_string(added.id) + ", but " +
                  (listed >= 0 ? "the vocabulary gives it " : "the next free id after the vocabulary is ") +
                  std::to_string(expected));
    }
    std::string storage;
    const std::string written(normalized ? Normalized(added.content, &storage) : std::string_view(added.content));
    SetToken(added.id, written);
    // The reference knows a special token by its content, so one that is decoded in another form is not skipped.
    if (special && written == added.content) flags_[static_cast<size_t>(added.id)] |= kSpecial;
    const std::string content = added.content;
    added.content = written;
    by_content[content] = {std::move(added), normalized};
  }
  std::vector<AddedToken> raw, normal;
  for (auto& [content, flagged] : by_content) (flagged.normalized ? normal : raw).push_back(std::move(flagged.token));
  raw_added_ = AddedTokens(std::move(raw));
  normalized_added_ = AddedTokens(std::move(normal));
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
  const nlohmann::json *single = fields.Find("single"), *special = fields.Find("special_tokens");
  if (single == nullptr || !single->is_array()) fields.Reject("single", "a list");
  std::vector<int32_t> before, after;
  bool text = false;
  for (const nlohmann::json& part : *single) {
    if (part.is_object() && part.contains("Sequence") && !text) {
      text = true;
    } else if (part.is_object() && part.contains("SpecialToken") && part["SpecialToken"].is_object() &&
               part["SpecialToken"].contains("id") && part["SpecialToken"]["id"].is_string()) {
      const std::string name = part["SpecialToken"]["id"].get<std::string>();
      if (special == nullptr || !special->is_object() || !special->contains(name) || !(*special)[name].is_object() ||
          !(*special)[name].contains("ids") || !(*special)[name]["ids"].is_array()) {
        throw Error(where + ": special_tokens gives no ids of " + Quoted(name));
      }
      for (const nlohmann::json& id : (*special)[name]["ids"]) {
        if (!id.is_number_integer() || id < 0 || id >= bytes_.size()) {
          throw Error(where + ": an id of " + Quoted(name) + " is not in the vocabulary");
        }
        (text ? after : before).push_back(id.get<int32_t>());
      }
    } else {
      fields.Reject("single", "a list of one Sequence and SpecialToken");
    }
  }
  // A later one goes around what an earlier one made.
  prefix_.insert(prefix_.begin(), before.begin(), before.end());
  suffix_.insert(suffix_.end(), after.begin(), after.end());
}

}  // namespace invar
