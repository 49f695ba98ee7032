#include "runtime/text/chat_template.h"

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/mapped_file.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar {
namespace {

constexpr size_t kLargestFile = 16 << 20;

}  // namespace

ChatTemplate ChatTemplate::Parse(const std::string& source, const std::string& name) {
  ChatTemplate chat;
  chat.name_ = name;
  chat.root_ = jinja::Parse(ValidUtf8(source), chat.name_);
  return chat;
}

std::optional<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& path) {
  if (const std::optional<std::filesystem::path> gguf = GgufPath(path)) {
    return FromConfig(GgufTokenizerConfig(GgufFile::Open(*gguf)), gguf->string(), std::nullopt);
  }
  std::error_code error;
  const std::filesystem::path file = path / "chat_template.jinja", config = path / "tokenizer_config.json";
  std::optional<ChatTemplate> chat;
  if (std::filesystem::exists(file, error)) chat = Parse(ReadWholeFile(file, kLargestFile), file.string());
  if (!std::filesystem::exists(config, error)) return chat;
  return FromConfig(ParseJsonFile(config, kLargestFile), config.string(), std::move(chat));
}

std::optional<ChatTemplate> ChatTemplate::FromConfig(const nlohmann::json& json, const std::string& where,
                                                     std::optional<ChatTemplate> chat) {
  const JsonFields fields(json, where);
  if (!chat && !fields.IsNull("chat_template")) {
    const nlohmann::json& given = *fields.Find("chat_template");
    if (given.is_array()) {
      // Several, by name: the one called default.
      for (const nlohmann::json& one : given) {
        if (one.is_object() && one.value("name", "") == "default" && one.contains("template") && one["template"].is_string()) {
          chat = Parse(one["template"].get<std::string>(), where + ": chat_template");
        }
      }
      if (!chat) fields.Reject("chat_template", "a text, or a list with one called default");
    } else {
      chat = Parse(fields.String("chat_template").value(), where + ": chat_template");
    }
  }
  if (!chat) return chat;
  for (const char* name : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
    if (fields.IsNull(name)) continue;
    const nlohmann::json& token = *fields.Find(name);
    if (token.is_string()) chat->tokens_.emplace_back(name, token.get<std::string>());
    if (token.is_object() && token.contains("content") && token["content"].is_string()) {
      chat->tokens_.emplace_back(name, token["content"].get<std::string>());
    }
  }
  return chat;
}

std::string ChatTemplate::Render(const nlohmann::ordered_json& messages, const ChatOptions& options) const {
  jinja::Dict variables = tokens_;
  if (options.variables.is_object()) {
    for (const auto& [name, value] : options.variables.items()) jinja::Set(variables, name, jinja::FromJson(value));
  }
  jinja::Set(variables, "messages", jinja::FromJson(messages));
  jinja::Set(variables, "add_generation_prompt", options.add_generation_prompt);
  // Hugging Face passes these whether they are given or not.
  for (const char* name : {"tools", "documents"}) {
    if (jinja::Find(variables, name) == nullptr) jinja::Set(variables, name, jinja::None{});
  }
  return jinja::Render(*root_, name_, variables, options.today);
}

}  // namespace invar
