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
};

class ChatTemplate {
 public:
  // chat_template.jinja, or else "chat_template" of tokenizer_config.json, or a GGUF file's tokenizer.chat_template; nothing
  // where the model has none. Throws Error for a template that is not understood.
  static std::optional<ChatTemplate> Load(const std::filesystem::path& path);
  // `name` is what messages call the template.
  static ChatTemplate Parse(const std::string& source, const std::string& name);

  // messages: a list of {"role", "content"}. Throws Error where the template refuses them.
  std::string Render(const nlohmann::ordered_json& messages, const ChatOptions& options) const;

 private:
  // The tokens of a tokenizer_config.json, and its template unless one was found already.
  static std::optional<ChatTemplate> FromConfig(const nlohmann::json& json, const std::string& where,
                                                std::optional<ChatTemplate> chat);

  std::shared_ptr<const jinja::Node> root_;
  std::string name_;
  jinja::Dict tokens_;  // bos_token, eos_token and the like
};

}  // namespace invar
