// A model written anew: a Hugging Face checkpoint directory of the weights in another type, in shards, or from a GGUF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "runtime/weights/tensor.h"

namespace invar {

struct ConvertOptions {
  std::optional<DType> type;  // kF32, kF16 or kBF16; nothing: each tensor keeps its own
  uint64_t shard_bytes = 0;   // of tensors in one file at most, unless one alone has more; 0: one file
  bool replace = false;       // an existing checkpoint directory
};

struct Converted {
  size_t tensors = 0, files = 0;
  uint64_t bytes = 0;  // of tensors
};

// Reads the model at `source` (a checkpoint directory or a GGUF file) and writes the directory `target`: weights as
// safetensors, narrowed to nearest even; config.json; the tokenizer's and the chat template's files. The directory appears
// whole or not at all. Throws Error, among others for a finite weight that the new type would make infinite.
Converted Convert(const std::filesystem::path& source, const std::filesystem::path& target, const ConvertOptions& options);

}  // namespace invar
