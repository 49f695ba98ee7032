#include "runtime/text/chat_template.h"

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar {
namespace {

constexpr size_t kLargestFile = 16 << 20;

struct Named {
  std::string name, source, text;  // source: what messages call it
};

// A field that is a template, or a list of them by name.
void ReadField(const JsonFields& fields, std::vector<Named>& templates) {
  if (fields.IsNull("chat_template")) return;
  const std::string where = fields.where() + ": chat_template";
  const nlohmann::json& given = *fields.Find("chat_template");
  if (given.is_string()) {
    templates.push_back({"default", where, given.get<std::string>()});
    return;
  }
  const char* wanted = "a text, or a list of objects with a name and a template";
  if (!given.is_array()) fields.Reject("chat_template", wanted);
  for (const nlohmann::json& one : given) {
    const auto text = [&](const char* key) {
      if (!one.is_object() || !one.contains(key) || !one[key].is_string()) fields.Reject("chat_template", wanted);
      return one[key].get<std::string>();
    };
    templates.push_back({text("name"), where + " " + Quoted(text("name")), text("template")});
  }
}

std::vector<Named> Templates(const std::filesystem::path& directory) {
  std::vector<Named> templates;
  const auto read_file = [&](const std::string& name, const std::filesystem::path& path) {
    templates.push_back({name, path.string(), ReadWholeFile(path, kLargestFile)});
  };
  if (NameExists(directory / "chat_template.jinja")) read_file("default", directory / "chat_template.jinja");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "additional_chat_templates", error)) {
    if (entry.path().extension() == ".jinja") read_file(entry.path().stem().string(), entry.path());
  }
  for (const char* file : {"tokenizer_config.json", "chat_template.json"}) {
    if (!templates.empty() || !NameExists(directory / file)) continue;
    const nlohmann::json json = ParseJsonFile(directory / file, kLargestFile);
    ReadField(JsonFields(json, (directory / file).string()), templates);
  }
  return templates;
}

std::vector<Named> TemplatesOf(const JsonFields& fields) {
  std::vector<Named> templates;
  ReadField(fields, templates);
  return templates;
}

// A message as templates are given it.
jinja::Value Prepared(const nlohmann::ordered_json& message) {
  static constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};
  jinja::Dict fields;
  for (const auto& [name, value] : message.items()) {
    if (!value.is_null()) jinja::Set(fields, ValidUtf8(name), jinja::FromJson(value));
  }
  for (const char* name : kReasoning) {
    const jinja::Value* found = jinja::Find(fields, name);
    if (found == nullptr) continue;
    // Python's {"thinking": reasoning, **message, "reasoning_content": reasoning}, whose order a template may write.
    const jinja::Value reasoning = *found;
    jinja::Dict aliased = {{"thinking", reasoning}};
    for (auto& [key, value] : fields) jinja::Set(aliased, key, std::move(value));
    jinja::Set(aliased, "reasoning_content", reasoning);
    return aliased;
  }
  return fields;
}

}  // namespace

ChatTemplate ChatTemplate::Parse(const std::string& source, const std::string& name) {
  ChatTemplate chat;
  chat.name_ = name;
  chat.root_ = jinja::Parse(ValidUtf8(source), chat.name_);
  return chat;
}

std::optional<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& path, bool with_tools) {
  const std::optional<std::filesystem::path> gguf = GgufPath(path);
  nlohmann::json inside;  // of a GGUF file: its tokenizer_config.json
  if (gguf) inside = GgufTokenizerConfig(GgufFile::Open(*gguf));
  const std::vector<Named> templates = gguf ? TemplatesOf(JsonFields(inside, gguf->string())) : Templates(path);
  if (templates.empty()) return std::nullopt;
  const Named* chosen = nullptr;
  for (const Named& one : templates) {
    if (one.name == "default" && (chosen == nullptr || chosen->name != "tool_use")) chosen = &one;
    if (one.name == "tool_use" && with_tools) chosen = &one;
  }
  if (chosen == nullptr) {
    std::string names;
    for (const Named& one : templates) names += (names.empty() ? "" : ", ") + Quoted(one.name);
    throw Error("of the chat templates of " + path.string() + ", " + names + ", none is called 'default'; rename the one to use");
  }
  ChatTemplate chat = Parse(chosen->text, chosen->source);
  if (gguf) {
    chat.ReadTokens(JsonFields(inside, gguf->string()));
    return chat;
  }
  // Before tokenizer_config.json held the added tokens, the special ones were those of a file of their own.
  for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!NameExists(path / file)) continue;
    const nlohmann::json json = ParseJsonFile(path / file, kLargestFile);
    const JsonFields fields(json, (path / file).string());
    chat.ReadTokens(fields);
    if (!fields.IsNull("added_tokens_decoder")) break;
  }
  return chat;
}

void ChatTemplate::ReadTokens(const JsonFields& fields) {
  for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    if (fields.IsNull(name)) continue;
    const nlohmann::json& token = *fields.Find(name);
    const nlohmann::json& content = token.is_object() && token.contains("content") ? token["content"] : token;
    if (!content.is_string()) fields.Reject(name, "a text, or an object with a content");
    jinja::Set(tokens_, name, ValidUtf8(content.get<std::string>()));
  }
}

std::string ChatTemplate::Render(const nlohmann::ordered_json& messages, const ChatOptions& options) const {
  if (!messages.is_array() || messages.empty()) throw Error("the chat has no messages; give at least one");
  jinja::List prepared;
  for (const nlohmann::ordered_json& message : messages) {
    if (!message.is_object()) {
      throw Error("message " + std::to_string(prepared.size() + 1) + " of the chat is not an object such as {\"role\": \"user\", \"content\": \"...\"}");
    }
    prepared.push_back(Prepared(message));
  }
  jinja::Dict variables = tokens_;
  if (options.variables.is_object()) {
    for (const auto& [name, value] : options.variables.items()) jinja::Set(variables, name, jinja::FromJson(value));
  }
  jinja::Set(variables, "messages", std::move(prepared));
  jinja::Set(variables, "add_generation_prompt", options.add_generation_prompt);
  // Hugging Face passes these whether they are given or not.
  for (const char* name : {"tools", "documents"}) {
    if (jinja::Find(variables, name) == nullptr) jinja::Set(variables, name, jinja::None{});
  }
  return jinja::Render(*root_, name_, variables, options.today, options.limits);
}

}  // namespace invar
