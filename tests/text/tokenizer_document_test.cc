// A tokenizer.json read without a tree of its vocabulary and merges is what the tree says, also where the file is odd.
#include "runtime/text/tokenizer_document.h"

#include <map>

#include "runtime/base/json.h"
#include "runtime/text/tokenizer.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

using nlohmann::json;

json Names(const TokenizerDocument& document) {
  json names = json::object();
  for (const auto& [name, id] : document.vocabulary) names[name] = id;  // the last counts
  return names;
}

void ExpectAsTree(const std::string& text) {
  const TokenizerDocument read = TokenizerDocument::Parse(text, "text"), tree = TokenizerDocument::Of(ParseJson(text, "text"));
  EXPECT_EQ(read.merges, tree.merges) << text.substr(0, 200);
  json names = Names(read), expected = Names(tree);
  for (auto& [name, id] : expected.items()) {
    if (id.is_structured()) id = nullptr;  // is no number, whatever it is
  }
  EXPECT_EQ(names, expected) << text.substr(0, 200);
  json found = read.tree, wanted = tree.tree;
  if (wanted.is_object() && wanted.contains("model") && wanted["model"].is_object() && wanted["model"].contains("merges") &&
      wanted["model"]["merges"].is_array()) {
    // Of merges that are none, the length alone is kept.
    EXPECT_EQ(found["model"]["merges"].size(), wanted["model"]["merges"].size()) << text.substr(0, 200);
    found["model"].erase("merges"), wanted["model"].erase("merges");
  }
  EXPECT_EQ(found, wanted) << text.substr(0, 200);
}

TEST(TokenizerDocument, IsWhatTheTreeSays) {
  size_t compared = 0;
  const auto expect = [&](const std::string& text) {
    ExpectAsTree(text);
    ++compared;
  };
  for (const std::string& model : ModelNames()) expect(FileText(ModelDir(model) / "tokenizer.json"));
  for (const char* name : {"llama3-small", "llama2-small", "mistral-small"}) {
    expect(FileText(SourceDir() / "tests/text/cases" / name / "tokenizer.json"));
  }
  const std::string vocabularies[] = {R"({})", R"({"a":0})", R"({"a":0,"b":1,"a":2})", R"({"a":{"b":{"c":1}},"d":[1,[2]],"e":3})",
                                      R"({"":null,"x":-1,"y":1.5,"z":"1","t":true,"u":18446744073709551615})", R"([1,2])", R"("a")", R"(null)"};
  const std::string merges[] = {R"([])", R"(["a b","c d e"])", R"([["a","b"],["c","d"]])", R"(["a b",["c","d"],"ab"])", R"([["a"]])",
                                R"([["a","b","c"]])", R"([["a",1]])", R"([["a",["b"]]])", R"([[["a","b"],"c"]])", R"([{"a":"b"}])",
                                R"([{"a":"b"},"x y",[]])", R"([[],"x y"])", R"([1,null,true,1.5])", R"({"a":"b"})", R"("a b")", R"([" ","a "," b"])"};
  for (const std::string& vocab : vocabularies) {
    for (const std::string& merge : merges) {
      const std::string model = R"({"type":"BPE","vocab":)" + vocab + R"(,"merges":)" + merge + R"(,"unk_token":null,"more":{"vocab":{"q":1},"merges":["r s"]}})";
      const std::string other = R"({"merges":["g h","i j"],"vocab":{"k":5}})";
      expect(R"({"model":)" + model + R"(,"decoder":{"model":{"vocab":{"a":1},"merges":["a b"]}},"vocab":{"m":1},"merges":["n o"]})");
      // Names that come twice.
      expect(R"({"model":)" + other + R"(,"model":)" + model + "}");
      expect(R"({"model":)" + model + R"(,"model":)" + other + "}");
      expect(R"({"model":)" + model + R"(,"model":7})");
      expect(R"({"model":{"vocab":{"a":1},"vocab":)" + vocab + R"(,"merges":["a b"],"merges":)" + merge + R"(,"x":[{"vocab":{}},[]]}})");
      expect(R"({"model":{"vocab":)" + vocab + R"(,"vocab":3,"merges":)" + merge + R"(,"merges":null}})");
      expect(R"([{"model":)" + model + R"(}])");
      expect(R"({"x":[)" + model + R"(],"model":[)" + model + "]}");
    }
  }
  for (const char* text : {"1", "\"model\"", "[]", "{}", "null", R"({"model":{}})", R"({"model":[]})"}) expect(text);
  std::printf("%zu documents read as their trees\n", compared);
}

TEST(TokenizerDocument, BrokenTextIsRefusedAsByTheTree) {
  const std::string whole = FileText(ModelDir("gpt2") / "tokenizer.json");
  size_t refused = 0;
  const auto expect = [&](const std::string& text) {
    const std::string by_tree = Refusal([&] { ParseJson(text, "text"); });
    EXPECT_EQ(Refusal([&] { TokenizerDocument::Parse(text, "text"); }), by_tree);
    EXPECT_NE(by_tree, "");
    ++refused;
  };
  for (size_t cut = 0; cut < whole.size() - 2; cut += 1 + whole.size() / 200) expect(whole.substr(0, cut));
  expect(whole + "x");
  expect(R"({"model":{"vocab":{"a":1e999}}})");
  expect(R"({"model":{"merges":["a b",}})");
  expect(R"({"model":{"merges":)" + std::string(70, '[') + std::string(70, ']') + "}}");
  expect("{\"model\":{\"merges\":[\"\xff\"]}}");
  std::printf("%zu broken documents refused in the tree's words\n", refused);
}

// Two names of one id, and one name with two.
TEST(TokenizerDocument, NamesAndIdsThatComeTwiceAreRead) {
  const json whole = ReadJson(ModelDir("gpt2") / "tokenizer.json");
  std::string text = whole.dump();
  const size_t at = text.find("\"vocab\":{");
  ASSERT_NE(at, text.npos);
  for (const std::string& more : {std::string(R"("zz":5,)"), std::string(R"("!":77,)"), std::string(R"("zz":5,"!":77,"zz":6,)")}) {
    std::string odd = text;
    odd.insert(at + 9, more);
    const Tokenizer read = Tokenizer::Parse(odd, "text"), tree = Tokenizer::FromJson(ParseJson(odd, "text"), "text");
    ASSERT_EQ(read.vocab_size(), tree.vocab_size());
    for (int32_t id = 0; id < static_cast<int32_t>(read.vocab_size()); ++id) ASSERT_EQ(read.TokenBytes(id), tree.TokenBytes(id)) << id << more;
    EXPECT_EQ(read.Encode("To be, or not to be! zz"), tree.Encode("To be, or not to be! zz"));
  }
}

}  // namespace
}  // namespace invar::testing
