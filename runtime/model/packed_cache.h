// Packed weights kept in a file, so that the next start maps them instead of reading and packing a checkpoint.
//
// The file is only ever used where it is known to hold what this checkpoint packs to: docs/loading.md says what is compared
// and when. Whatever is wrong with it costs a note and the time of an ordinary load, and no bit of a result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "runtime/base/mapped_file.h"
#include "runtime/kernels/thread_pool.h"

namespace invar {

// How a model is loaded; none of it changes a bit.
struct LoadOptions {
  std::filesystem::path packed_cache = {};                     // directory for packed weights; empty: none are kept
  std::function<void(const std::string&)> note = {};           // told, in a sentence, why a cache could not be used or written
};

class PackedCache {
 public:
  // Of the model at `path`, a checkpoint directory or a GGUF file, as it is now: make it before anything of the model is
  // read. Throws nothing for a model that is not there; loading tells that.
  PackedCache(const std::filesystem::path& path, const LoadOptions& options);

  // The file that holds, or will hold, this model's weights.
  const std::filesystem::path& file() const { return file_; }

  // `bytes` bytes that were written for the same checkpoint and table, every one of them checked against its checksum.
  // Nothing where there are none; a file that is there and cannot be used is noted.
  std::optional<MappedFile> Map(const std::string& table, uint64_t bytes, ThreadPool& pool) const;

  // Keeps the image of packed weights that `table` describes, unless the checkpoint has changed meanwhile. A failure is noted.
  // Throws Interrupted (runtime/base/interrupt.h).
  void Write(const std::string& table, const void* image, uint64_t bytes, ThreadPool& pool) const;

 private:
  std::string Head(const std::string& table, uint64_t bytes) const;
  void Note(const std::string& text) const;

  std::filesystem::path model_, file_;
  std::function<void(const std::string&)> note_;
  std::string place_, key_;  // SHA-256 of where the checkpoint lies, and of what it is; empty where that cannot be known
};

}  // namespace invar
