// JSON that a user hands in, as --messages and --tools do: any value goes through a template that shows all of it.
#include "runtime/base/json.h"
#include "runtime/text/chat_template.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ChatTemplate chat = ChatTemplate::Parse(
      "{%- for m in messages %}{{ m.role }}:{{ m['content'] | trim }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}\n"
      "{%- endfor %}{{ messages }}{{ messages | tojson(indent=2) }}{{ tools | length }}{{ tools == messages }}",
      "show");
  Accepts([&] {
    const nlohmann::ordered_json value = ParseOrderedJson(Text(data, size), "--messages");
    ChatOptions options;
    options.variables["tools"] = value;
    Accepts([&] { chat.Render(value, options); });
    const nlohmann::json sorted = ParseJson(Text(data, size), "--messages");
    Require(ParseJson(value.dump(), "written") == sorted, "both orders hold the same, and what is written is read");
    if (!sorted.is_object()) return;
    const JsonFields fields(sorted, "input");
    for (const auto& [name, field] : sorted.items()) {
      if (name.find('\0') != name.npos) continue;
      Accepts([&] { Require(fields.Integer(name.c_str(), 0, 9).value() <= 9, "an integer keeps to its bounds"); });
      Accepts([&] { Require(fields.Number(name.c_str(), 0, 1).value() <= 1, "a number keeps to its bounds"); });
      Accepts([&] { fields.String(name.c_str()); });
      Accepts([&] { fields.Bool(name.c_str()); });
    }
  });
  return 0;
}
