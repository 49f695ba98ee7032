// A file that appears whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace invar {

// Writes to a temporary name in the target's directory; Commit makes the bytes durable and renames them over the
// target. Without Commit (an exception, an early return) the temporary file is removed and the target is untouched.
class AtomicFile {
 public:
  // A symbolic link stays, and what it names is the target, even where that is not there yet. Throws Error when the directory
  // cannot be written, when the target exists and is not a regular file, or when it stands for what a process has open
  // (/dev/stdout).
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void Write(const void* data, size_t size);
  void Write(std::string_view text) { Write(text.data(), text.size()); }
  // Once, last. Where it is not to be durable, a power cut may leave a file of other bytes: for what carries checksums and can be
  // made again.
  void Commit(bool durable = true);

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

}  // namespace invar
