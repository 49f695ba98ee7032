#include "runtime/model/generation_config.h"

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/model/config.h"
#include "runtime/weights/gguf.h"

namespace invar {

GenerationConfig GenerationConfig::Load(const std::filesystem::path& directory) {
  if (GgufPath(directory)) return {};  // its end tokens are the config's
  const std::filesystem::path path = directory / "generation_config.json";
  return NameExists(path) ? Parse(ReadWholeFile(path, 1 << 20), path.string()) : GenerationConfig();
}

GenerationConfig GenerationConfig::Parse(std::string_view text, const std::string& source) {
  const nlohmann::json json = ParseJson(text, source);
  const JsonFields fields(json, source);
  GenerationConfig config;
  const auto number = [&](const char* name, double min, double max) {
    return fields.IsNull(name) ? std::nullopt : fields.Number(name, min, max);
  };
  if (!fields.IsNull("do_sample")) config.do_sample = fields.Bool("do_sample");
  config.temperature = number("temperature", 0, 1e30);
  if (!fields.IsNull("top_k")) config.top_k = fields.Integer("top_k", 0, INT32_MAX);
  config.top_p = number("top_p", 1e-30, 1e30);
  config.min_p = number("min_p", 0, 1);
  config.repetition_penalty = number("repetition_penalty", 1e-30, 1e30);
  config.eos_token_ids = TokenIds(fields, "eos_token_id");
  return config;
}

}  // namespace invar
