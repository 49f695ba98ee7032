// Which files make up a checkpoint directory: what is copied with a model, and what may be thrown away with one.
#pragma once

#include <filesystem>
#include <string_view>

namespace invar {

// Beside the weights and config.json: the tokenizer, the chat template, how to generate. These are copied.
bool IsCheckpointText(std::string_view name);
// *.safetensors as Hugging Face names them, and *.gguf.
bool IsCheckpointWeights(std::string_view name);
// Any of both, config.json, and the index of shards.
bool IsCheckpointFile(std::string_view name);

// Throws Error unless the directory holds config.json, weights, and nothing but a checkpoint's own files: what is replaced
// is lost.
void RequireCheckpointAlone(const std::filesystem::path& directory);

// Throws Error where a file or directory that the model at `source` may be read from is, or lies in, the directory
// `target`, by whatever links.
void RequireApart(const std::filesystem::path& source, const std::filesystem::path& target);

// Copies, from one directory to another, the texts and the templates of additional_chat_templates.
void CopyCheckpointTexts(const std::filesystem::path& source, const std::filesystem::path& target);

}  // namespace invar
