// A model's chat template: messages in, the text that the model was trained to see out.
//
// Templates are Jinja as Hugging Face renders it (trim_blocks, lstrip_blocks, its functions and its tojson), by the engine
// in runtime/text/jinja. A construct outside that engine is refused with its line, never rendered wrong.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/syntax.h"

namespace invar {

struct ChatOptions {
  bool add_generation_prompt = true;
  // Further variables of the template, such as enable_thinking; an object or null.
  nlohmann::ordered_json variables;
  // What strftime_now writes; a template that asks for it is refused where there is none.
  std::optional<jinja::Date> today;
  jinja::Limits limits;
};

class JsonFields;

class ChatTemplate {
 public:
  // The model's template, nothing where it has none: from chat_template.jinja and additional_chat_templates/NAME.jinja, or
  // else "chat_template" of tokenizer_config.json, a text or a list by name, or else of chat_template.json; of a GGUF file,
  // tokenizer.chat_template. Of several, as Hugging Face chooses: the one called tool_use where there is one and tools are
  // given, or else the one called default.
  // Throws Error for a template that is not understood.
  static std::optional<ChatTemplate> Load(const std::filesystem::path& path, bool with_tools = false);
  // `name` is what messages call the template.
  static ChatTemplate Parse(const std::string& source, const std::string& name);

  // messages: a list of {"role", "content", ...}, at least one. As Hugging Face does, fields of a message that are null are
  // left out, and reasoning_content, thinking and reasoning stand for one another. Throws Error where the template refuses
  // them, with what it says.
  std::string Render(const nlohmann::ordered_json& messages, const ChatOptions& options) const;

 private:
  // bos_token and the like, of a tokenizer_config.json's fields.
  void ReadTokens(const JsonFields& fields);

  std::shared_ptr<const jinja::Node> root_;
  std::string name_;
  jinja::Dict tokens_;  // bos_token, eos_token and the like
};

}  // namespace invar
