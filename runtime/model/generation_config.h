// What a checkpoint's generation_config.json suggests; an absent file suggests nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

struct GenerationConfig {
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::vector<int32_t> eos_token_ids;

  // A GGUF file suggests nothing, either. Throws Error for a file that is there but wrong.
  static GenerationConfig Load(const std::filesystem::path& directory);
  // Of the file's text; messages call it `source`.
  static GenerationConfig Parse(std::string_view text, const std::string& source);
};

}  // namespace invar
