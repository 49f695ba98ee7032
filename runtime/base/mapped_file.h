// Files read whole: mapped where the system can, so that weights are paged in on demand and shared between processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace invar {

// A regular file's bytes, read-only, for as long as the object lives; moving it keeps the addresses. Where there is no
// mmap the bytes are read into memory. The file must not be shortened while it is mapped: the system ends a process
// that touches bytes which are no longer there. Replacing it with a rename, as AtomicFile does, is safe.
class MappedFile {
 public:
  MappedFile() = default;
  // Throws Error when the file cannot be opened or is not a regular file.
  static MappedFile Open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// The content of a file or pipe. Throws Error when it cannot be read or holds more than `limit` bytes.
std::string ReadWholeFile(const std::filesystem::path& path, size_t limit);

}  // namespace invar
