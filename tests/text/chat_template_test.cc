// Chat templates against Jinja's own rendering (tests/text/cases, written by make_cases.py).
#include "runtime/text/chat_template.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

TEST(ChatTemplate, BundledModelRendersAsJinjaDoes) {
  const std::optional<ChatTemplate> chat = ChatTemplate::Load(ModelDir("qwen3"));
  ASSERT_TRUE(chat.has_value());
  std::ifstream file(SourceDir() / "tests/text/cases/qwen3-chat.json");
  const nlohmann::ordered_json cases = nlohmann::ordered_json::parse(file);
  ASSERT_GT(cases.size(), 20u);
  for (const nlohmann::ordered_json& c : cases) {
    ChatOptions options;
    options.add_generation_prompt = c["add_generation_prompt"];
    options.variables = c["variables"];
    EXPECT_EQ(chat->Render(c["messages"], options), c["text"].get<std::string>()) << c.dump();
  }
  std::printf("[ COMPARED ] %zu chats with Jinja\n", cases.size());
}

TEST(ChatTemplate, AModelWithoutOneHasNone) { EXPECT_FALSE(ChatTemplate::Load(ModelDir("gpt2")).has_value()); }

TEST(ChatTemplate, WhatIsNotUnderstoodIsRefusedWithItsLine) {
  for (const std::string source :
       {"{% for m in messages %}", "{% endif %}", "{{ x", "{% unknown %}", "a\nb\n{{ messages | no_such_filter }}",
        "{% if %}x{% endif %}", "{{ 'open }}", "{% macro f() %}", "{{ [1, }}"}) {
    try {
      ChatTemplate::Parse(source, "a template").Render(nlohmann::ordered_json::array({{{"role", "user"}, {"content", "x"}}}), {});
      ADD_FAILURE() << source << " was rendered";
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("a template"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("line"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace invar::testing
