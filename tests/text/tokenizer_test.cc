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
    const std::string text = c["text"];
    const std::vector<int32_t> ids = c["ids"];
    tokens += ids.size();
    ASSERT_EQ(tokenizer.Encode(text), ids) << c["text"];
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
    const std::string text = c["text"];
    if (text.find("<|endoftext|>") != std::string::npos) continue;
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
  with([](auto& j) { j["added_tokens"][0].erase("content"); });
  with([](auto& j) { j = nlohmann::json::array(); });
  std::printf("%zu broken files refused\n", refused);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerTest, ::testing::ValuesIn(ModelNames()),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace invar::testing
