// Tokenizers against Hugging Face's on difficult and random texts (tests/text/cases, written by make_cases.py), with the
// bundled vocabularies and the published ones.
#include "runtime/text/tokenizer.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/text/stream_decoder.h"
#include "runtime/text/unicode.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/shared.h"

namespace invar::testing {
namespace {

void ExpectCases(const Tokenizer& tokenizer, const std::string& name) {
  const nlohmann::json cases = ReadJson(SourceDir() / "tests/text/cases" / (name + ".json"));
  size_t tokens = 0;
  ASSERT_GT(cases.size(), 100u);
  for (const nlohmann::json& c : cases) {
    const std::vector<int32_t> ids = c["ids"];
    tokens += ids.size();
    // Some are rows of ids that no text gives.
    if (!c["text"].is_null()) {
      ASSERT_EQ(tokenizer.Encode(c["text"].get<std::string>()), ids) << c["text"];
    }
    EXPECT_EQ(tokenizer.Decode(ids), c["decoded"].get<std::string>()) << c["text"];
    EXPECT_EQ(tokenizer.Decode(ids, true), c["decoded_without_special"].get<std::string>()) << c["text"];
    // Streamed token by token: never half a character, and the same in the end.
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const int32_t id : ids) {
      const std::string piece = stream.Push(id);
      EXPECT_TRUE(IsValidUtf8(piece));
      streamed += piece;
    }
    EXPECT_EQ(streamed + stream.Flush(), c["decoded"].get<std::string>()) << c["text"];
  }
  std::printf("[ COMPARED ] %zu texts of %zu tokens with Hugging Face's tokenizers\n", cases.size(), tokens);
}

class TokenizerTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerTest, BundledVocabulary) { ExpectCases(Tokenizer::Load(ModelDir(GetParam())), GetParam() + "-bundled"); }

TEST_P(TokenizerTest, PublishedVocabulary) {
  INVAR_NEEDS_SHARED("tokenizers/" + GetParam() + "/tokenizer.json");
  ExpectCases(Tokenizer::Load(SharedDir() / "tokenizers" / GetParam()), GetParam() + "-published");
}

class SmallTokenizer : public ::testing::TestWithParam<std::string> {};

// Llama 3's splitter with merges ignored, and SentencePiece's way with and without a blank before every part.
TEST_P(SmallTokenizer, EncodesAsTheReference) {
  ExpectCases(Tokenizer::Load(SourceDir() / "tests/text/cases" / GetParam()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kinds, SmallTokenizer, ::testing::Values("llama3-small", "llama2-small", "mistral-small"),
                         [](const auto& p) { return p.param.substr(0, p.param.find('-')); });

TEST(Tokenizer, VocabularyAndMergesFilesGiveTheSame) {
  const TemporaryDirectory folder;
  for (const char* file : {"vocab.json", "merges.txt"}) std::filesystem::copy(ModelDir("gpt2") / file, folder / file);
  const Tokenizer whole = Tokenizer::Load(ModelDir("gpt2")), parts = Tokenizer::Load(folder.path());
  for (const nlohmann::json& c : ReadJson(SourceDir() / "tests/text/cases/gpt2-bundled.json")) {
    if (c["text"].is_null()) continue;
    const std::string text = c["text"];
    EXPECT_EQ(parts.Encode(text), whole.Encode(text)) << text;
  }
}

TEST_P(TokenizerTest, TextThatIsNotUtf8IsReadWithReplacementCharacters) {
  const Tokenizer tokenizer = Tokenizer::Load(ModelDir(GetParam()));
  const std::pair<std::string, std::string> pairs[] = {{"a\xffz", "a\uFFFDz"},           {"\xc3", "\uFFFD"},
                                                       {"\xe2\x82", "\uFFFD"},            {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
                                                       {"\xf0\x9f\x91\x8d\xf0", "👍\uFFFD"}, {"\xc0\xaf", "\uFFFD\uFFFD"}};
  for (const auto& [broken, whole] : pairs) EXPECT_EQ(tokenizer.Encode(broken), tokenizer.Encode(whole));
}

// Every byte of a broken file cut anywhere, and of one with a wrong part, is an Error with a name in it, never a crash.
TEST_P(TokenizerTest, BrokenFilesAreRefused) {
  const TemporaryDirectory folder;
  const std::string text = FileText(ModelDir(GetParam()) / "tokenizer.json");
  size_t refused = 0;
  const auto expect_refused = [&](const std::string& changed) {
    WriteText(folder / "tokenizer.json", changed);
    try {
      Tokenizer::Load(folder.path());
      ADD_FAILURE() << "not refused";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("tokenizer.json"), std::string::npos) << e.what();
      ++refused;
    }
  };
  for (size_t cut = 0; cut < text.size() - 2; cut += 1 + text.size() / 60) expect_refused(text.substr(0, cut));
  nlohmann::json json = nlohmann::json::parse(text);
  const auto with = [&](auto change) {
    nlohmann::json changed = json;
    change(changed);
    expect_refused(changed.dump());
  };
  with([](auto& j) { j["model"]["type"] = "Unigram"; });
  with([](auto& j) { j["model"].erase("vocab"); });
  with([](auto& j) { j["model"]["vocab"]["a"] = -5; });
  with([](auto& j) { j["model"]["vocab"]["a"] = 2000000000000; });
  with([](auto& j) { j["model"]["vocab"]["a"] = "one"; });
  with([](auto& j) { j["model"]["merges"].push_back("one two three four"); });
  with([](auto& j) { j["model"]["merges"].push_back(7); });
  with([](auto& j) { j["pre_tokenizer"] = {{"type", "Metaspace"}}; });
  with([](auto& j) { j["normalizer"] = {{"type", "Lowercase"}}; });
  with([](auto& j) { j["added_tokens"][0]["id"] = -1; });
  // Ids that nothing leads up to: each would take memory for all before it.
  with([](auto& j) { j["added_tokens"][0]["id"] = 1 << 26; });
  with([](auto& j) { j["added_tokens"].push_back({{"content", "<far>"}, {"id", 1 << 26}}); });
  with([](auto& j) { j["model"]["vocab"]["<far>"] = 1 << 26; });
  with([](auto& j) { j["model"]["unk_token"] = "<none>"; });
  // Steps in an order that would mean something else.
  with([](auto& j) { j["pre_tokenizer"] = nullptr; });
  with([](auto& j) { j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "ByteLevel"}}}}}; });
  with([](auto& j) { j["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteLevel"}}, {{"type", "Fuse"}}}}}; });
  with([](auto& j) { j["decoder"] = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}; });
  with([](auto& j) {
    const nlohmann::json special = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
    j["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {special, text}}, {"special_tokens", nlohmann::json::object()}};
  });
  with([](auto& j) { j["added_tokens"][0].erase("content"); });
  with([](auto& j) { j = nlohmann::json::array(); });
  std::printf("%zu broken files refused\n", refused);
}

// Qwen's way with the files of GPT-2's kind is told by what lies beside them.
TEST(Tokenizer, ConfigBesideVocabularyAndMergesSaysHowTextIsCut) {
  const TemporaryDirectory folder;
  for (const char* file : {"vocab.json", "merges.txt"}) std::filesystem::copy(ModelDir("qwen3") / file, folder / file);
  nlohmann::json config = {{"tokenizer_class", "Qwen2Tokenizer"}}, added = nlohmann::json::object();
  const nlohmann::json whole = ReadJson(ModelDir("qwen3") / "tokenizer.json");
  for (const nlohmann::json& token : whole["added_tokens"]) added[std::to_string(token["id"].get<int>())] = token;
  config["added_tokens_decoder"] = added;
  WriteText(folder / "tokenizer_config.json", config.dump());
  const Tokenizer parts = Tokenizer::Load(folder.path());
  for (const nlohmann::json& c : ReadJson(SourceDir() / "tests/text/cases/qwen3-bundled.json")) {
    if (c["text"].is_null()) continue;
    EXPECT_EQ(parts.Encode(c["text"].get<std::string>()), c["ids"].get<std::vector<int32_t>>()) << c["text"];
  }
  // Without a class, config.json's model_type says it; without either, it is GPT-2's.
  config.erase("tokenizer_class");
  WriteText(folder / "tokenizer_config.json", config.dump());
  const std::string told = "ROMEO: I'll DON'T we've";
  EXPECT_NE(Tokenizer::Load(folder.path()).Encode(told), parts.Encode(told));
  WriteText(folder / "config.json", R"({"model_type": "qwen3"})");
  EXPECT_EQ(Tokenizer::Load(folder.path()).Encode(told), parts.Encode(told));
  WriteText(folder / "config.json", R"({"model_type": "llama"})");
  EXPECT_THROW(Tokenizer::Load(folder.path()), Error);
  std::filesystem::remove(folder / "config.json");
  config["tokenizer_class"] = "TokenizersBackend";
  WriteText(folder / "tokenizer_config.json", config.dump());
  EXPECT_THROW(Tokenizer::Load(folder.path()), Error);
}

// Whatever ids come: whole characters, and together what decoding at once gives.
TEST(StreamDecoder, GivesWholeCharactersOfAnyIds) {
  size_t rows = 0, held = 0;
  for (const std::string name : {"models/gpt2", "models/qwen3", "tests/text/cases/llama3-small", "tests/text/cases/llama2-small",
                                 "tests/text/cases/mistral-small"}) {
    const Tokenizer tokenizer = Tokenizer::Load(SourceDir() / name);
    uint64_t state = 7;
    const auto below = [&state](size_t limit) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<size_t>(state >> 33) % limit;
    };
    for (int round = 0; round < 4000; ++round, ++rows) {
      // Half of them mostly of single bytes, some beyond the vocabulary.
      const size_t limit = round % 2 == 0 ? 280 : tokenizer.vocab_size() + 3;
      std::vector<int32_t> ids(below(20));
      for (int32_t& id : ids) id = static_cast<int32_t>(below(limit));
      const bool skip_special = round % 3 == 0;
      StreamDecoder stream(tokenizer, skip_special);
      std::string streamed;
      for (const int32_t id : ids) {
        const std::string piece = stream.Push(id);
        ASSERT_TRUE(IsValidUtf8(piece)) << name << " " << nlohmann::json(ids);
        held += piece.empty() ? 1 : 0;
        streamed += piece;
      }
      ASSERT_EQ(streamed + stream.Flush(), tokenizer.Decode(ids, skip_special)) << name << " " << nlohmann::json(ids);
    }
  }
  EXPECT_GT(held, rows / 10) << "hardly a character was held back: the ids try nothing";
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerTest, ::testing::ValuesIn(ModelNames()),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace invar::testing
