// invar tokenize and detokenize: every way in, every way out, and a directory that holds a tokenizer and nothing else.
#include "runtime/text/tokenizer.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

using nlohmann::json;

class Tokenize : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::copy(ModelDir("qwen3") / "tokenizer.json", folder_ / "tokenizer.json"); }

  Outcome Invar(const std::string& command, std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), {command, "-m", folder_.path().string()});
    return RunProgram(INVAR_PROGRAM, arguments, input);
  }
  std::string Written(const std::string& name, const std::string& text) {
    WriteText(folder_ / name, text);
    return (folder_ / name).string();
  }
  std::string Ids(const std::string& text, bool add_special = true) {
    std::string list;
    for (const int32_t id : Tokenizer::Load(folder_.path()).Encode(text, add_special)) list += "," + std::to_string(id);
    return list.empty() ? "\n" : list.substr(1) + "\n";
  }

  TemporaryDirectory folder_;
};

TEST_F(Tokenize, TextFromFlagFileAndInput) {
  const std::string text = "What news?\n<|im_end|> 中文 \n";
  const std::string ids = Ids(text);
  EXPECT_EQ(Invar("tokenize", {"-p", text}).out, ids);
  EXPECT_EQ(Invar("tokenize", {"-f", Written("text", text)}).out, ids);
  EXPECT_EQ(Invar("tokenize", {"-f", "-"}, text).out, ids);
  EXPECT_EQ(Invar("tokenize", {}, text).out, ids);
  EXPECT_EQ(Invar("tokenize", {"-p", "a", "-p", "", "-p", text}).out, Ids("a") + "\n" + ids);
  EXPECT_EQ(Invar("tokenize", {"-p", "a"}, "not this").out, Ids("a"));
}

TEST_F(Tokenize, IdsFromFlagFileAndInput) {
  const std::string text = "What news?\n<|im_end|> 中文 \n", ids = Ids(text), array = "[" + ids + "]";
  EXPECT_EQ(Invar("detokenize", {"--ids", ids}).out, text);
  EXPECT_EQ(Invar("detokenize", {"--ids-file", Written("list", ids)}).out, text);
  EXPECT_EQ(Invar("detokenize", {"--ids-file", Written("ids.json", array)}).out, text);
  EXPECT_EQ(Invar("detokenize", {"--ids-file", "-"}, array).out, text);
  EXPECT_EQ(Invar("detokenize", {}, ids).out, text);
  std::string lines = ids;
  std::replace(lines.begin(), lines.end(), ',', '\n');
  EXPECT_EQ(Invar("detokenize", {}, lines).out, text);
}

TEST_F(Tokenize, Json) {
  const json texts = json::parse(Invar("tokenize", {"--json", "-p", "", "-p", "é\xff<|im_end|>"}).out);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0], json::parse(R"({"ids": [], "tokens": []})"));
  EXPECT_EQ(texts[1]["ids"].size(), texts[1]["tokens"].size());
  EXPECT_EQ(texts[1]["tokens"].back(), "<|im_end|>");
  EXPECT_EQ(json::parse(Invar("detokenize", {"--json"}, texts[1]["ids"].dump()).out), json({{"text", "é\uFFFD<|im_end|>"}}));
}

TEST_F(Tokenize, SpecialTokens) {
  std::filesystem::copy(SourceDir() / "tests/text/cases/llama2-small/tokenizer.json", folder_ / "tokenizer.json",
                        std::filesystem::copy_options::overwrite_existing);
  const std::string with = Invar("tokenize", {"-p", "Hello"}).out, without = Invar("tokenize", {"-p", "Hello", "--no-special"}).out;
  EXPECT_EQ(with, "1," + without);
  EXPECT_EQ(without, Ids("Hello", false));
  EXPECT_EQ(Invar("detokenize", {"--ids", with}).out, "<s> Hello");
  EXPECT_EQ(Invar("detokenize", {"--ids", with, "--skip-special"}).out, "Hello");
}

TEST_F(Tokenize, TextThatIsNotUtf8OrHoldsNul) {
  const std::string nul("a\0b\0", 4);
  const Outcome ids = Invar("tokenize", {"-f", "-"}, nul);
  EXPECT_EQ(ids.out, Ids(nul));
  EXPECT_EQ(Invar("detokenize", {}, ids.out).out, nul);
  EXPECT_EQ(Invar("tokenize", {"-f", "-"}, "x\xed\xa0\x80y").out, Ids("x\uFFFD\uFFFD\uFFFDy"));
}

TEST_F(Tokenize, VocabularyAndMergesAreEnough) {
  std::filesystem::remove(folder_ / "tokenizer.json");
  for (const char* file : {"vocab.json", "merges.txt"}) std::filesystem::copy(ModelDir("gpt2") / file, folder_ / file);
  const Outcome whole = RunProgram(INVAR_PROGRAM, {"tokenize", "-m", ModelDir("gpt2").string(), "-p", "ROMEO:<|endoftext|>"});
  EXPECT_EQ(Invar("tokenize", {"-p", "ROMEO:<|endoftext|>"}).out, whole.out);
  EXPECT_NE(whole.out, "");
}

TEST_F(Tokenize, Refusals) {
  const auto refused = [&](const std::string& command, const std::vector<std::string>& arguments, int code,
                           const std::string& word, const std::string& input = "") {
    const Outcome o = Invar(command, arguments, input);
    EXPECT_EQ(o.code, code) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find(word), std::string::npos) << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  };
  refused("tokenize", {}, 2, "-p TEXT");
  refused("detokenize", {}, 2, "--ids");
  refused("detokenize", {"--ids", "1,2,x"}, 2, "'x'");
  refused("detokenize", {"--ids", "1,-2"}, 2, "'-2'");
  refused("detokenize", {"--ids", "99999999999"}, 2, "99999999999");
  refused("detokenize", {"--ids", " , "}, 2, "no token id");
  refused("detokenize", {}, 2, "1.5", "[1.5]");
  refused("detokenize", {}, 1, "JSON", "[1, 2");
  refused("detokenize", {"--ids", "1", "--ids-file", "-"}, 2, "exclude");
  refused("detokenize", {"--ids", "99999"}, 1, "99999");
  refused("tokenize", {"-f", (folder_ / "none").string()}, 1, "none");
  std::filesystem::remove(folder_ / "tokenizer.json");
  refused("tokenize", {"-p", "a"}, 1, "tokenizer.json");
}

}  // namespace
}  // namespace invar::testing
