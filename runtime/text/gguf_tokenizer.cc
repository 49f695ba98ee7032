#include "runtime/text/gguf_tokenizer.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/text/unicode.h"

namespace invar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
// Pieces of a SentencePiece vocabulary are cut at every character to find their merges; published ones are far shorter.
constexpr size_t kLongestPiece = 256;  // bytes

enum TokenType : int64_t { kNormal = 1, kUnknownToken, kControl, kUserDefined, kUnused, kByte };

struct Vocabulary {
  std::vector<std::string_view> tokens;  // by id
  std::vector<int64_t> types;            // by id
  bool IsAdded(size_t id) const { return types[id] == kControl || types[id] == kUserDefined || types[id] == kUnknownToken; }
};

Vocabulary ReadVocabulary(const GgufFile& file) {
  Vocabulary v;
  v.tokens = file.Strings(kTokens);
  if (v.tokens.empty()) throw Error(file.source() + " holds no tokenizer; give token ids, or a file with tokenizer.ggml.tokens");
  if (v.tokens.size() > (size_t{1} << 26)) file.Reject(kTokens, "at most 2^26 strings");
  v.types = file.Integers("tokenizer.ggml.token_type");
  if (v.types.empty()) v.types.assign(v.tokens.size(), kNormal);
  if (v.types.size() != v.tokens.size()) {
    file.Reject("tokenizer.ggml.token_type", "as many types as there are tokens, " + std::to_string(v.tokens.size()));
  }
  std::unordered_set<std::string_view> seen[2];  // plain tokens, added tokens
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (v.types[id] < kNormal || v.types[id] > kByte) file.Reject("tokenizer.ggml.token_type", "types from 1 to 6");
    if (v.types[id] == kUnused) continue;
    if (ValidUtf8(v.tokens[id]) != v.tokens[id]) {
      throw Error(file.source() + ": token " + std::to_string(id) + " " + Quoted(v.tokens[id]) + " is not valid UTF-8; convert the model again");
    }
    if (!seen[v.IsAdded(id) ? 1 : 0].insert(v.tokens[id]).second) {
      throw Error(file.source() + ": token " + std::to_string(id) + " " + Quoted(v.tokens[id]) + " has the text of another; convert the model again");
    }
  }
  return v;
}

// A special token's id, checked to be in the vocabulary.
std::optional<size_t> SpecialId(const GgufFile& file, const Vocabulary& v, const char* key) {
  const std::optional<int64_t> id = file.Integer(key, 0, INT32_MAX);
  if (id && static_cast<size_t>(*id) >= v.tokens.size()) {
    file.Reject(key, "below the number of tokens, " + std::to_string(v.tokens.size()));
  }
  return id ? std::optional<size_t>(static_cast<size_t>(*id)) : std::nullopt;
}

// Of all tokens, also of added ones: Hugging Face's tokenizers gives those that the vocabulary lacks ids of its own. A token
// with the text of a plain one is that one wherever text is looked up.
nlohmann::json VocabularyJson(const Vocabulary& v) {
  nlohmann::json vocabulary = nlohmann::json::object();
  for (const bool added : {false, true}) {
    for (size_t id = 0; id < v.tokens.size(); ++id) {
      if (v.types[id] != kUnused && v.IsAdded(id) == added) vocabulary.emplace(std::string(v.tokens[id]), id);
    }
  }
  return vocabulary;
}

Json AddedTokensOf(const Vocabulary& v) {
  Json added = Json::array();
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (!v.IsAdded(id)) continue;
    added.push_back({{"id", id},
                     {"content", v.tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", v.types[id] != kUserDefined}});
  }
  return added;
}

// What the file puts around every text. The ids' tokens must be added ones, or text could not be told from them.
Json PostProcessor(const GgufFile& file, const Vocabulary& v, bool begin_by_default) {
  const bool begin = file.Bool("tokenizer.ggml.add_bos_token").value_or(begin_by_default);
  const bool end = file.Bool("tokenizer.ggml.add_eos_token").value_or(false);
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  const auto put = [&](const char* key) {
    const std::optional<size_t> id = SpecialId(file, v, key);
    if (!id || v.types[*id] == kUnused) file.Reject(key, "the id of a token, as it is put around every text");
    const std::string token(v.tokens[*id]);
    special[token] = {{"id", token}, {"ids", Json::array({*id})}, {"tokens", Json::array({token})}};
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    pair.push_back(single.back());
  };
  if (begin) put("tokenizer.ggml.bos_token_id");
  for (Json* list : {&single, &pair}) list->push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  if (end) put("tokenizer.ggml.eos_token_id");
  if (!begin && !end) return nullptr;
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

// "a b", cut at the first blank after the first byte.
std::pair<std::string_view, std::string_view> CutMerge(const GgufFile& file, std::string_view merge) {
  const size_t blank = merge.find(' ', 1);
  if (blank == std::string_view::npos || blank + 1 == merge.size() || ValidUtf8(merge) != merge) {
    throw Error(file.source() + ": tokenizer.ggml.merges holds " + Quoted(merge) + ", which is not a pair of tokens");
  }
  return {merge.substr(0, blank), merge.substr(blank + 1)};
}

Json ByteLevel(bool splits) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", splits}};
}

Json SplitBy(const char* pattern) {
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, ByteLevel(false)})}};
}

void BytePairs(const GgufFile& file, const Vocabulary& v, Json& json) {
  std::string pre(file.String("tokenizer.ggml.pre").value_or(""));
  // Files from before the key was there: of GPT-2 the splitter is known all the same.
  if (pre.empty() && file.String("general.architecture") == "gpt2") pre = "gpt-2";
  const bool gpt2 = pre == "gpt-2" || pre == "gpt2", qwen2 = pre == "qwen2";
  const bool llama3 = pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
  if (!gpt2 && !qwen2 && !llama3) {
    file.Reject("tokenizer.ggml.pre", "gpt-2, qwen2 or llama-bpe (other splitters are not supported; token ids are, with --ids)");
  }
  json["normalizer"] = qwen2 ? Json{{"type", "NFC"}} : Json(nullptr);
  if (gpt2) {
    json["pre_tokenizer"] = ByteLevel(true);
  } else {
    json["pre_tokenizer"] = SplitBy(
        qwen2 ? R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
              : R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
  }
  const Json around = PostProcessor(file, v, llama3);
  json["post_processor"] = around.is_null() ? ByteLevel(true) : around;
  json["decoder"] = ByteLevel(true);
  Json merges = Json::array();
  const std::vector<std::string_view> lines = file.Strings("tokenizer.ggml.merges");
  if (lines.empty()) file.Reject("tokenizer.ggml.merges", "an array of pairs");
  for (const std::string_view line : lines) {
    const auto [left, right] = CutMerge(file, line);
    merges.push_back({left, right});
  }
  json["model"] = {{"type", "BPE"},           {"dropout", nullptr},     {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr}, {"end_of_word_suffix", nullptr}, {"fuse_unk", false},
                   {"byte_fallback", false}, {"ignore_merges", llama3}, {"vocab", VocabularyJson(v)},
                   {"merges", std::move(merges)}};
}

struct ScoredMerge {
  float score;
  size_t left_length, right_length;  // in characters
  uint32_t left, right;              // ids
};

// transformers' generate_merges: every cut of every piece into two pieces, cuts of one piece by their ids; then by
// (score, length of the left, length of the right) descending, equal ones as they came.
std::vector<ScoredMerge> MergesOf(const GgufFile& file, const Vocabulary& v) {
  const std::vector<float> scores = file.Floats("tokenizer.ggml.scores");
  if (scores.size() != v.tokens.size()) {
    file.Reject("tokenizer.ggml.scores", "as many scores as there are tokens, " + std::to_string(v.tokens.size()));
  }
  std::unordered_map<std::string_view, uint32_t> ids;
  float least = 0, greatest = 0;
  bool any = false;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    if (v.types[id] != kNormal && v.types[id] != kByte) continue;
    if (!(scores[id] - scores[id] == 0.0f)) file.Reject("tokenizer.ggml.scores", "finite numbers");
    if (v.tokens[id].size() > kLongestPiece) {
      throw Error(file.source() + ": token " + std::to_string(id) + " is longer than " + std::to_string(kLongestPiece) +
                  " bytes, more than a SentencePiece vocabulary's pieces are");
    }
    ids.emplace(v.tokens[id], static_cast<uint32_t>(id));
    if (v.types[id] == kByte) continue;
    least = any ? std::min(least, scores[id]) : scores[id];
    greatest = any ? std::max(greatest, scores[id]) : scores[id];
    any = true;
  }
  if (any && least == greatest && ids.size() > 1) {
    file.Reject("tokenizer.ggml.scores", "the scores of a SentencePiece model (they are all equal, so the order of merges is not known)");
  }
  std::vector<ScoredMerge> merges;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const std::string_view piece = v.tokens[id];
    if (v.types[id] != kNormal && v.types[id] != kByte) continue;
    size_t characters = 0, length = 0;
    for (size_t at = 0; at < piece.size(); ++characters) NextPoint(piece, &at);
    const size_t first = merges.size();
    for (size_t at = 0; at < piece.size();) {
      NextPoint(piece, &at);
      ++length;
      const auto left = ids.find(piece.substr(0, at)), right = at < piece.size() ? ids.find(piece.substr(at)) : ids.end();
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({scores[id], length, characters - length, left->second, right->second});
    }
    std::sort(merges.begin() + static_cast<ptrdiff_t>(first), merges.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
      return a.left != b.left ? a.left < b.left : a.right < b.right;
    });
  }
  std::stable_sort(merges.begin(), merges.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_length != b.left_length) return a.left_length > b.left_length;
    return a.right_length > b.right_length;
  });
  return merges;
}

void SentencePiece(const GgufFile& file, const Vocabulary& v, Json& json) {
  for (const char* key : {"tokenizer.ggml.precompiled_charsmap", "tokenizer.ggml.remove_extra_whitespaces"}) {
    const GgufValue* value = file.Find(key);
    const bool off = value == nullptr || (value->type == GgufType::kBool ? !*file.Bool(key) : value->count == 0);
    if (!off) file.Reject(key, "left out (normalisation of text is not supported)");
  }
  const bool blank_first = file.Bool("tokenizer.ggml.add_space_prefix").value_or(true);
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kBlank}};
  const Json prepend = {{"type", "Prepend"}, {"prepend", kBlank}};
  const Json normalizers = blank_first ? Json::array({prepend, replace}) : Json::array({replace});
  Json decoders = Json::array();
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", kBlank}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (blank_first) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  json["pre_tokenizer"] = nullptr;
  json["post_processor"] = PostProcessor(file, v, true);
  json["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};

  Json merges = Json::array();
  const std::vector<std::string_view> lines = file.Strings("tokenizer.ggml.merges");
  for (const std::string_view line : lines) {
    const auto [left, right] = CutMerge(file, line);
    merges.push_back({left, right});
  }
  if (lines.empty()) {
    for (const ScoredMerge& merge : MergesOf(file, v)) merges.push_back({v.tokens[merge.left], v.tokens[merge.right]});
  }
  Json unknown = nullptr;
  const auto found = std::find(v.types.begin(), v.types.end(), kUnknownToken);
  if (found != v.types.end()) unknown = v.tokens[static_cast<size_t>(found - v.types.begin())];
  json["model"] = {{"type", "BPE"},          {"dropout", nullptr},     {"unk_token", unknown},
                   {"continuing_subword_prefix", nullptr}, {"end_of_word_suffix", nullptr}, {"fuse_unk", true},
                   {"byte_fallback", true}, {"ignore_merges", false}, {"vocab", VocabularyJson(v)},
                   {"merges", std::move(merges)}};
}

}  // namespace

nlohmann::ordered_json GgufTokenizer(const GgufFile& file) {
  const Vocabulary v = ReadVocabulary(file);
  Json json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", AddedTokensOf(v)}};
  const std::string model(file.String("tokenizer.ggml.model").value_or(""));
  if (model == "gpt2") {
    BytePairs(file, v, json);
  } else if (model == "llama") {
    SentencePiece(file, v, json);
  } else {
    file.Reject("tokenizer.ggml.model", "gpt2 or llama (others are not supported)");
  }
  return json;
}

nlohmann::ordered_json GgufTokenizerConfig(const GgufFile& file) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  const std::vector<std::string_view> tokens = file.Strings(kTokens);
  for (const auto& [key, field] : {std::pair{"tokenizer.ggml.bos_token_id", "bos_token"}, std::pair{"tokenizer.ggml.eos_token_id", "eos_token"},
                                   std::pair{"tokenizer.ggml.unknown_token_id", "unk_token"},
                                   std::pair{"tokenizer.ggml.padding_token_id", "pad_token"}}) {
    const std::optional<int64_t> id = file.Integer(key, 0, INT32_MAX);
    if (id && static_cast<size_t>(*id) < tokens.size()) config[field] = ValidUtf8(tokens[static_cast<size_t>(*id)]);
  }
  // One template, or several by name.
  const std::string key = "tokenizer.chat_template";
  Json templates = Json::array();
  if (const std::optional<std::string_view> chat = file.String(key)) {
    templates.push_back({{"name", "default"}, {"template", ValidUtf8(*chat)}});
  }
  for (const GgufFile::Entry& entry : file.metadata()) {
    if (!entry.key.starts_with(key + ".")) continue;
    templates.push_back({{"name", ValidUtf8(entry.key.substr(key.size() + 1))}, {"template", ValidUtf8(*file.String(entry.key))}});
  }
  if (templates.size() == 1 && templates[0]["name"] == "default") {
    config["chat_template"] = templates[0]["template"];
  } else if (!templates.empty()) {
    config["chat_template"] = templates;
  }
  return config;
}

}  // namespace invar
