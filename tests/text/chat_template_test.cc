// Chat templates against Hugging Face's apply_chat_template (tests/text/cases, written by make_cases.py).
#include "runtime/text/chat_template.h"

#include <chrono>
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

// Work and memory are charged where they arise: what stands for hours or gigabytes is refused in a moment.
TEST(Jinja, HostileTemplatesAreRefused) {
  const std::string doubled = "{% set ns=namespace(s=[],t=[]) %}{% for i in range(40) %}{% set ns.s=[ns.s,ns.s] %}{% set ns.t=[ns.t,ns.t] %}{% endfor %}";
  for (const std::string& source : {
           std::string(R"-({% set a='a'*30000000 %}{% set b='a'*15000000+'b' %}{{ b in a }})-"),
           std::string(R"-({% set a='a'*30000000 %}{% set b='b'+'a'*15000000 %}{{ a.rfind(b) }})-"),
           std::string(R"-({% set a='a'*4000000 %}{% set b='a'*2000000+'b' %}{{ a.count(b) }})-"),
           std::string(R"-({% set a='a'*4000000 %}{% set b='a'*2000000+'b' %}{{ a.split(b) }})-"),
           std::string(R"-({% set a='a'*4000000 %}{% set b='a'*2000000+'b' %}{{ a.rsplit(b) }})-"),
           std::string(R"-({% set a='a'*4000000 %}{% set b='a'*2000000+'b' %}{{ a|replace(b,'x') }})-"),
           std::string(R"-({% set a='a'*4000000 %}{% set b='a'*2000000+'b' %}{{ a.rpartition(b) }})-"),
           doubled + R"-({{ ns.s==ns.t }})-",
           doubled + R"-({{ ns.s is eq(ns.t) }})-",
           doubled + R"-({{ ns.s in [ns.t] }})-",
           doubled + R"-({{ [ns.s,ns.t]|unique|list|length }})-",
           std::string(R"-({% set ns=namespace(s={},t={}) %}{% for i in range(40) %}{% set ns.s={'a':ns.s,'b':ns.s} %}{% set ns.t={'a':ns.t,'b':ns.t} %}{% endfor %}{{ ns.s==ns.t }})-"),
           std::string(R"-({% set ns=namespace(s=[]) %}{% for i in range(40) %}{% set ns.s=[ns.s,ns.s] %}{% endfor %}{{ ns.s==ns.s }})-"),
           doubled + R"-({{ ns.s }})-",
           doubled + R"-({{ ns.s|tojson }})-",
           doubled + R"-({{ ns.s|tojson(indent=64) }})-",
           doubled + R"-({{ ns.s|string|length }})-",
           doubled + R"-({{ [ns.s]|join|length }})-",
           doubled + R"-({{ (ns.s~'')|length }})-",
           doubled + R"-({{ ns.s|upper }})-",
           std::string(R"-({% set ns=namespace(s={}) %}{% for i in range(30) %}{% set ns.s={'a':ns.s,'b':ns.s} %}{% endfor %}{{ ns.s|tojson(sort_keys=true) }})-"),
           std::string(R"-({% set ns=namespace(s=[1]) %}{% for i in range(30) %}{% set ns.s=ns.s+ns.s %}{% endfor %}{{ ns.s|length }})-"),
           std::string(R"-({% set ns=namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s=ns.s+['a'*60000000] %}{% endfor %})-"),
           std::string(R"-({% set ns=namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s=ns.s+['a'*1000000] %}{% endfor %})-"),
           std::string(R"-({% set a='a'*1000000 %}{% for i in range(100000) %}{% set b=a~i %}{% endfor %})-"),
           std::string(R"-({% set a='a'*1000000 %}{% for i in range(100000) %}{% if a==a~'' %}{% endif %}{% endfor %})-"),
           std::string(R"-({{ ('a'*100000)|replace('a','b'*100000) }})-"),
           std::string(R"-({{ ('a'*100000).replace('a','b'*100000) }})-"),
           std::string(R"-({{ ('a'*100000).replace('','b'*100000) }})-"),
           std::string(R"-({{ ('b'*100000).join('a'*100000) }})-"),
           std::string(R"-({{ range(100000)|join('b'*100000) }})-"),
           std::string(R"-({{ ('\n'*100000)|indent('b'*100000,true,true) }})-"),
           std::string(R"-({{ [range(100000)|list]|tojson(separators=['b'*100000,':']) }})-"),
           std::string(R"-({% set a='a'*60000000 %}{{ a[::-1]|length }})-"),
           std::string(R"-({% set a='a'*60000000 %}{{ a[::2]|length }})-"),
           std::string(R"-({{ ('a'*60000000).split('a') }})-"),
           std::string(R"-({{ (' a'*30000000).split()|length }})-"),
           std::string(R"-({{ ('\n'*60000000).splitlines()|length }})-"),
           std::string(R"-({{ ('a'*60000000).replace('','x') }})-"),
           std::string(R"-({{ ('a'*60000000).strip('a') }})-"),
           std::string(R"-({{ (' '*60000000).strip() }})-"),
           std::string(R"-({% set a='a'*60000000 %}{{ a|list|length }})-"),
           std::string(R"-({% for c in 'a'*60000000 %}{% endfor %})-"),
           std::string(R"-({% for c in 'a'*1000000 %}{{ c }}{% endfor %})-"),
           std::string(R"-({{ ('a'*60000000)|join(',') }})-"),
           std::string(R"-({{ ('a'*60000000)|upper }})-"),
           std::string(R"-({{ ('a'*60000000)|title }})-"),
           std::string(R"-({{ ('a'*60000000)|trim }})-"),
           std::string(R"-({{ ('a'*60000000)|reverse }})-"),
           std::string(R"-({{ ('a'*60000000)|sort }})-"),
           std::string(R"-({{ ('a'*60000000)|map('upper')|list }})-"),
           std::string(R"-({{ ('&'*60000000)|e }})-"),
           std::string(R"-({{ ('"'*60000000)|tojson }})-"),
           std::string(R"-({{ ['\n'*60000000] }})-"),
           std::string(R"-({{ range(100000)|list|unique|list }})-"),
           std::string(R"-({{ range(100000)|map('string')|unique|list }})-"),
           std::string(R"-({{ range(100000)|map('replace','x'*1000000,'y')|list }})-"),
           std::string(R"-({{ range(100000)|map('string')|map('join','x'*1000000)|list }})-"),
           std::string(R"-({% set k='k'*30000000 %}{% for i in range(1000) %}{% set d={k:i} %}{% endfor %})-"),
           std::string(R"-({% set k='k'*1000000 %}{% set d={k:1} %}{% for i in range(100000) %}{{ d[k] }}{% endfor %})-"),
           std::string(R"-({% set a='a'*1000000 %}{% for i in range(100000) %}{{ a[999999] }}{% endfor %})-"),
           std::string(R"-({% set a='a'*1000000 %}{% for i in range(100000) %}{{ a.startswith(a) }}{% endfor %})-"),
           std::string(R"-({% macro f(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns=namespace(s='a') %}{% for i in range(90) %}{% set ns.s=f(ns.s) %}{% endfor %})-"),
           std::string(R"-({% macro f() %}{% endmacro %}{% for a in range(90000) %}{% for b in range(90000) %}{{ f() }}{% endfor %}{% endfor %})-"),
           std::string(R"-({% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %})-"),
           std::string(R"-({% for a in range(90000) %}{% for b in range(90000) if false %}{% endfor %}{% endfor %})-")}) {
    const auto begin = std::chrono::steady_clock::now();
    std::string why;
    try {
      ChatTemplate::Parse("\n\n" + source, "a template").Render(kOneMessage, {});
    } catch (const Error& e) {
      why = e.what();
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("[ REFUSED  ] %.3f s  %-60s  %s\n", seconds, why.c_str(), source.substr(0, 160).c_str());
    EXPECT_TRUE(why == "a template, line 3: the template takes too many steps" || why == "a template, line 3: the text grows beyond 67108864 bytes") << why << "\n" << source;
    EXPECT_LT(seconds, 20) << source;  // unmetered, the least of them take minutes or all memory; a sanitized build is slow
  }
}

// The limits leave room for what people write: a megatoken of chat in a thousand turns.
TEST(ChatTemplate, LongChatsAreRendered) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (int i = 0; i < 1000; ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(4000, 'x')}});
  }
  ChatOptions options;
  options.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  for (const char* name : {"llama2", "mistral-v1", "mistral-v2", "qwen3-coder-like", "reasoning"}) {
    const std::string file = "tests/text/templates/" + std::string(name) + ".jinja";
    EXPECT_GT(ChatTemplate::Parse(FileText(SourceDir() / file), file).Render(messages, options).size(), 1'000'000u) << name;
  }
  EXPECT_GT(ChatTemplate::Load(ModelDir("qwen3"))->Render(messages, options).size(), 4'000'000u);
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
