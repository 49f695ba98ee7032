// Chat templates: any template is refused or rendered, within the limits on steps and text.
#include <optional>

#include "runtime/text/chat_template.h"
#include "runtime/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto messages = nlohmann::ordered_json::parse(R"([
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What  news?\n"},
    {"role": "assistant", "content": "<think>x</think>None.", "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, null]}}}]},
    {"role": "tool", "content": "caf\u00e9 \ud83d\udc4d"},
    {"role": "user", "content": [{"type": "text", "text": "And now?"}]}])");
  static const auto tools = nlohmann::ordered_json::parse(R"([{"type": "function", "function": {"name": "f", "parameters": {}}}])");
  Accepts([&] {
    const ChatTemplate chat = ChatTemplate::Parse(std::string(Text(data, size)), "input");
    ChatOptions options;
    options.today = jinja::Date{2026, 7, 4};
    options.variables["tools"] = tools;
    options.limits = {40'000, size_t{1} << 20};  // a fraction of a second, sanitized
    std::optional<std::string> first;
    if (Accepts([&] { first = chat.Render(messages, options); })) {
      Require(first->size() <= options.limits.text, "a text keeps to its limit");
      Require(chat.Render(messages, options) == *first, "a template renders the same twice");
    }
    options.variables = nullptr;
    options.today.reset();
    options.add_generation_prompt = false;
    Accepts([&] { chat.Render(nlohmann::ordered_json::array(), options); });
  });
  return 0;
}
