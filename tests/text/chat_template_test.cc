// Chat templates against Jinja's own rendering (tests/text/cases, written by make_cases.py).
#include "runtime/text/chat_template.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/shared.h"

namespace invar::testing {
namespace {

nlohmann::ordered_json Cases(const std::string& name) {
  std::ifstream file(SourceDir() / "tests/text/cases" / (name + ".json"));
  return nlohmann::ordered_json::parse(file);
}

// What a template writes, or null where it is refused.
nlohmann::ordered_json Rendered(const ChatTemplate& chat, const nlohmann::ordered_json& c) {
  ChatOptions options;
  options.add_generation_prompt = c["add_generation_prompt"];
  options.variables = c["variables"];
  options.today = jinja::Date{2026, 11, 24};
  try {
    return chat.Render(c["messages"], options);
  } catch (const Error&) {
    return nullptr;
  }
}

void ExpectCases(const ChatTemplate& chat, const std::string& name) {
  const nlohmann::ordered_json cases = Cases(name);
  ASSERT_GT(cases.size(), 50u);
  size_t refused = 0;
  for (const nlohmann::ordered_json& c : cases) {
    refused += c["text"].is_null();
    EXPECT_EQ(Rendered(chat, c), c["text"]) << c.dump();
  }
  std::printf("[ COMPARED ] %zu chats with Jinja (%zu refused by both)\n", cases.size(), refused);
}

TEST(ChatTemplate, BundledModelRendersAsJinjaDoes) {
  const std::optional<ChatTemplate> chat = ChatTemplate::Load(ModelDir("qwen3"));
  ASSERT_TRUE(chat.has_value());
  ExpectCases(*chat, "qwen3-chat");
}

class PublishedTemplate : public ::testing::TestWithParam<std::string> {};

TEST_P(PublishedTemplate, RendersAsJinjaDoes) {
  const std::string file = "templates/" + GetParam() + ".jinja";
  INVAR_NEEDS_SHARED(file);
  ExpectCases(ChatTemplate::Parse(FileText(SharedDir() / file), file), "chat-" + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedTemplate, ::testing::Values("qwen3", "qwen2.5", "llama3", "smollm3"),
                         [](const auto& p) { return p.param == "qwen2.5" ? "qwen2_5" : p.param; });

// Every construct on its own (tests/text/jinja_corpus.py).
TEST(Jinja, SmallTemplatesRenderAsJinjaDoes) {
  const nlohmann::ordered_json corpus = Cases("jinja");
  size_t refused = 0;
  for (const nlohmann::ordered_json& c : corpus["cases"]) {
    nlohmann::ordered_json found;
    std::string why;
    try {
      ChatOptions options;
      options.variables = corpus["variables"];
      options.today = jinja::Date{2026, 11, 24};
      found = ChatTemplate::Parse(c["template"], "a template").Render(nlohmann::ordered_json::array(), options);
    } catch (const Error& e) {
      why = e.what();
    }
    refused += c["text"].is_null();
    EXPECT_EQ(found, c["text"]) << c["template"].get<std::string>() << "\n" << why;
  }
  std::printf("[ COMPARED ] %zu small templates with Jinja (%zu refused by both)\n", corpus["cases"].size(), refused);
}

TEST(Jinja, TemplatesThatNeverEndAreRefused) {
  for (const std::string source :
       {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% set ns = namespace(x='a') %}{% for i in range(90000) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x | length }}",
        "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "{{ 'a' * 999999999999 }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "{{ range(99999999) }}"}) {
    EXPECT_THROW(ChatTemplate::Parse(source, "a template").Render(nlohmann::ordered_json::array(), {}), Error) << source;
  }
}

TEST(Jinja, LongChainsAreRefused) {
  std::string sum = "{{ 1", filters = "{{ 1";
  for (int i = 0; i < 200000; ++i) sum += "+1", filters += "|abs";
  EXPECT_THROW(ChatTemplate::Parse(sum + " }}", "a template"), Error);
  EXPECT_THROW(ChatTemplate::Parse(filters + " }}", "a template"), Error);
}

TEST(Jinja, DeepNestingIsRefused) {
  std::string brackets = "{{ ", blocks;
  for (int i = 0; i < 5000; ++i) brackets += "(", blocks += "{% if 1 %}";
  for (const std::string& source : {brackets + "1 }}", blocks, "{{ " + std::string(5000, '-') + "1 }}", "{{ " + std::string(5000, '[') + " }}"}) {
    EXPECT_THROW(ChatTemplate::Parse(source, "a template"), Error);
  }
}

TEST(Jinja, TodayHasToBeGiven) {
  const ChatTemplate chat = ChatTemplate::Parse("{{ strftime_now('%Y') }}", "a template");
  try {
    chat.Render(nlohmann::ordered_json::array(), {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("--date"), std::string::npos) << e.what();
  }
}

TEST(ChatTemplate, AModelWithoutOneHasNone) { EXPECT_FALSE(ChatTemplate::Load(ModelDir("gpt2")).has_value()); }

TEST(ChatTemplate, WhatIsNotUnderstoodIsRefusedWithItsLine) {
  for (const std::string source :
       {"{% for m in messages %}", "{% endif %}", "{{ x", "{% unknown %}", "a\nb\n{{ messages | no_such_filter }}",
        "{% if %}x{% endif %}", "{{ 'open }}", "{% macro f() %}", "{{ [1, }}", "{% include 'x' %}"}) {
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
