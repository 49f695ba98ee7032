// Which model it is, as a hash of what fixes its bits: the same for a checkpoint in bf16 and its exact float32 copy, in one
// file or in shards, and for a GGUF file that stores the same values; another where a single weight or constant is another.
// docs/receipts.md says byte by byte what is hashed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace invar {

struct ModelIdentity {
  std::string weights;       // SHA-256, 64 lower-case hexadecimal digits
  std::string config;        // the same of the constants
  std::string architecture;  // "gpt2" or "decoder"
  uint64_t parameters = 0;

  friend bool operator==(const ModelIdentity&, const ModelIdentity&) = default;
};

struct ModelHash {
  ModelIdentity identity;
  // What the two hashes are of, each line ended by a line feed.
  std::vector<std::string> tensor_lines;  // "<name> [<extents>] <SHA-256 of the values as little-endian binary32>", ascending
  std::vector<std::string> config_lines;  // "<constant> <value>"
};

// Reads every tensor of the model at `path` (a checkpoint directory or a GGUF file) once, some mebibytes at a time, on
// `threads` threads at most (0: one for each processor, and never more). Throws Error for what is not a model that can be loaded.
ModelHash HashModel(const std::filesystem::path& path, int threads);

}  // namespace invar
