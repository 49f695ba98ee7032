// Chat templates against Hugging Face's apply_chat_template (tests/text/cases, written by make_cases.py).
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
  std::printf("[ COMPARED ] %zu chats with Hugging Face (%zu refused by both)\n", cases.size(), refused);
}

TEST(ChatTemplate, BundledModelRendersAsHuggingFaceDoes) {
  const std::optional<ChatTemplate> chat = ChatTemplate::Load(ModelDir("qwen3"));
  ASSERT_TRUE(chat.has_value());
  ExpectCases(*chat, "qwen3-chat");
}

const nlohmann::ordered_json kOneMessage = {{{"role", "user"}, {"content", "x"}}};

// Templates in the style of published models that are not at hand (tests/text/templates).
class OwnTemplate : public ::testing::TestWithParam<std::string> {};

TEST_P(OwnTemplate, RendersAsHuggingFaceDoes) {
  const std::string file = "tests/text/templates/" + GetParam() + ".jinja";
  ExpectCases(ChatTemplate::Parse(FileText(SourceDir() / file), file), "chat-" + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, OwnTemplate,
                         ::testing::Values("llama2", "llama3.1-tools", "mistral-v1", "mistral-v2", "mistral-v3-tools",
                                           "qwen3-coder-like", "reasoning"),
                         [](const auto& p) {
                           std::string name = p.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

class PublishedTemplate : public ::testing::TestWithParam<std::string> {};

TEST_P(PublishedTemplate, RendersAsHuggingFaceDoes) {
  const std::string file = "templates/" + GetParam() + ".jinja";
  INVAR_NEEDS_SHARED(file);
  ExpectCases(ChatTemplate::Parse(FileText(SharedDir() / file), file), "chat-" + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, PublishedTemplate, ::testing::Values("qwen3", "qwen2.5", "llama3", "smollm3"),
                         [](const auto& p) { return p.param == "qwen2.5" ? "qwen2_5" : p.param; });

// Every construct on its own (tests/text/jinja_corpus.py).
TEST(Jinja, SmallTemplatesRenderAsHuggingFaceDoes) {
  const nlohmann::ordered_json corpus = Cases("jinja");
  size_t refused = 0;
  for (const nlohmann::ordered_json& c : corpus["cases"]) {
    nlohmann::ordered_json found;
    std::string why;
    try {
      ChatOptions options;
      options.add_generation_prompt = false;
      options.variables = corpus["variables"];
      options.today = jinja::Date{2026, 11, 24};
      found = ChatTemplate::Parse(c["template"], "a template").Render(kOneMessage, options);
    } catch (const Error& e) {
      why = e.what();
    }
    refused += c["text"].is_null();
    EXPECT_EQ(found, c["text"]) << c["template"].get<std::string>() << "\n" << why;
  }
  std::printf("[ COMPARED ] %zu small templates with Hugging Face (%zu refused by both)\n", corpus["cases"].size(), refused);
}

// What Hugging Face renders and the project does not is refused with its line: never rendered wrong.
TEST(Jinja, WhatIsNotSupportedIsRefusedWithItsLine) {
  const nlohmann::ordered_json corpus = Cases("jinja");
  ASSERT_GT(corpus["not_supported"].size(), 50u);
  for (const std::string source : corpus["not_supported"]) {
    try {
      ChatOptions options;
      options.variables = corpus["variables"];
      const std::string text = ChatTemplate::Parse("\n\n" + source, "a template").Render(kOneMessage, options);
      ADD_FAILURE() << source << " was rendered: " << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("a template, line 3: "), std::string::npos) << source << "\n" << e.what();
    }
  }
}

TEST(ChatTemplate, WhatATemplateRaisesReachesTheCaller) {
  const std::string file = "tests/text/templates/mistral-v1.jinja";
  const ChatTemplate chat = ChatTemplate::Parse(FileText(SourceDir() / file), file);
  try {
    chat.Render({{{"role", "assistant"}, {"content", "x"}}}, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("Conversation roles must alternate user/assistant/user/assistant/..."), std::string::npos) << e.what();
  }
}

// Where a template may stand, and which of several is taken.
TEST(ChatTemplate, IsFoundWhereverHuggingFaceFindsIt) {
  const auto rendered = [](const std::vector<std::pair<std::string, std::string>>& files, bool with_tools = false) -> std::string {
    const TemporaryDirectory folder;
    std::filesystem::create_directories(folder / "additional_chat_templates");
    for (const auto& [name, text] : files) WriteText(folder / name, text);
    try {
      const std::optional<ChatTemplate> chat = ChatTemplate::Load(folder.path(), with_tools);
      return chat ? chat->Render(kOneMessage, {}) : "none";
    } catch (const Error& e) {
      return std::string("refused: ") + e.what();
    }
  };
  const std::pair<std::string, std::string> text = {"tokenizer_config.json", R"({"chat_template": "text {{ bos_token }}{{ eos_token }}{{ pad_token }}", "bos_token": "<b>", "eos_token": {"content": "<e>", "lstrip": false}, "pad_token": null})"};
  const std::pair<std::string, std::string> named = {"tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}, {"name": "rag", "template": "{% broken"}]})"};
  EXPECT_EQ(rendered({}), "none");
  EXPECT_EQ(rendered({text}), "text <b><e>");
  EXPECT_EQ(rendered({named}), "plain");
  EXPECT_EQ(rendered({named}, true), "tools");
  EXPECT_EQ(rendered({text, {"chat_template.jinja", "file {{ bos_token }}"}}), "file <b>");
  EXPECT_EQ(rendered({named, {"chat_template.jinja", "file"}}, true), "file");
  EXPECT_EQ(rendered({{"chat_template.jinja", "file"}, {"additional_chat_templates/tool_use.jinja", "more"}}), "file");
  EXPECT_EQ(rendered({{"chat_template.jinja", "file"}, {"additional_chat_templates/tool_use.jinja", "more"}}, true), "more");
  EXPECT_EQ(rendered({{"chat_template.json", R"({"chat_template": "json"})"}}), "json");
  EXPECT_EQ(rendered({text, {"chat_template.json", R"({"chat_template": "json"})"}}), "text <b><e>");
  // Before tokenizer_config.json held the added tokens, the special ones came from a file of their own.
  EXPECT_EQ(rendered({text, {"special_tokens_map.json", R"({"bos_token": {"content": "<o>"}, "pad_token": "<p>"})"}}), "text <o><e><p>");
  EXPECT_EQ(rendered({{"tokenizer_config.json", R"({"chat_template": "{{ bos_token }}", "bos_token": "<b>", "added_tokens_decoder": {}})"}, {"special_tokens_map.json", R"({"bos_token": "<o>"})"}}), "<b>");
  EXPECT_NE(rendered({{"additional_chat_templates/rag.jinja", "x"}}).find("'rag', none is called 'default'"), std::string::npos);
  EXPECT_NE(rendered({{"tokenizer_config.json", R"({"chat_template": 7})"}}).find("refused: "), std::string::npos);
  EXPECT_NE(rendered({{"tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})"}}).find("chat_template"), std::string::npos);
  EXPECT_NE(rendered({{"tokenizer_config.json", R"({"chat_template": "x", "bos_token": 7})"}}).find("bos_token"), std::string::npos);
}

TEST(Jinja, TemplatesThatNeverEndAreRefused) {
  for (const std::string source :
       {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% set ns = namespace(x='a') %}{% for i in range(90000) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x | length }}",
        "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "{{ 'a' * 999999999999 }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "{{ range(99999999) }}"}) {
    EXPECT_THROW(ChatTemplate::Parse(source, "a template").Render(kOneMessage, {}), Error) << source;
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
    chat.Render(kOneMessage, {});
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
