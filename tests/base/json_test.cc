// JSON that is broken, and where.
#include "runtime/base/json.h"

#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

TEST(Json, ErrorsGiveLineAndColumn) {
  const auto refused = [](const std::string& text, const std::vector<std::string>& words) {
    ExpectRefusal([&] { ParseJson(text, "a file"); }, words);
    ExpectRefusal([&] { ParseOrderedJson(text, "a file"); }, words);
  };
  refused("", {"a file", "line 1, column 1"});
  refused("{\n  \"a\": 1,\n  \"b\" 2\n}", {"a file", "line 3, column 7", "expected ':'"});
  refused("{\"a\": [1, 2}", {"line 1, column 12"});
  refused("[1] 2", {"line 1, column 5"});
  refused("[1e999]", {"a file", "1e999"});
  refused(std::string("[1,\n\0]", 6), {"zero byte", "line 2, column 1"});
  refused("[\n" + std::string(70, '[') + std::string(70, ']') + "]", {"deeper than 64", "line 2, column 64"});
  refused("[\"\xFF\"]", {"a file", "line 1"});
}

TEST(Json, UniqueRefusesAFieldGivenTwice) {
  const std::string good = R"({"a": {"b": 1, "c": [{"b": 2}, {"b": 3}]}, "b": {"a": 4}})";
  EXPECT_EQ(ParseUniqueJson(good, "a file"), ParseJson(good, "a file"));
  for (const char* text : {R"({"a": 1, "a": 1})", R"({"b": [1, {"c": {"a": [], "b": {"a": 1}, "a": 2}}]})", R"([{"\u0061": 1, "a": 2}])"}) {
    ParseJson(text, "a file");  // otherwise the last wins
    ExpectRefusal([&] { ParseUniqueJson(text, "a file"); }, {"a file", "'a'", "twice"});
  }
  ExpectRefusal([&] { ParseUniqueJson("{\"a\": 1,}", "a file"); }, {"line 1"});
}

TEST(Json, UnaskedSeesAFieldThatLooksLikeAChilds) {
  const nlohmann::json json = {{"a", {{"b", 1}}}, {"a.b", 2}};
  const JsonFields fields(json, "a file");
  fields.Child("a").Integer("b", 0, 9);
  EXPECT_EQ(fields.Unasked(), std::vector<std::string>{"a.b"});
}

}  // namespace
}  // namespace invar::testing
