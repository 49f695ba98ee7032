// Reading files that may be anything: not there, of another kind, damaged, or shortened while they are read.
//
// Nothing is mapped. A mapping of a file that somebody shortens ends the process that touches it (SIGBUS), whatever that
// process was doing; a read says so, and an Error can be thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace invar {

// An open regular file, read by position from any number of threads at once. It stays the same file where another is
// renamed over it.
class FileReader {
 public:
  // Throws Error when the file cannot be opened or is not a regular file.
  static std::shared_ptr<const FileReader> Open(const std::filesystem::path& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // Bytes when it was opened.
  uint64_t size() const { return size_; }
  const std::string& source() const { return source_; }
  // The system's number of the open file; -1 where it has none.
  int descriptor() const;

  // Throws Error where the file does not hold that many bytes there, any more.
  void ReadAt(uint64_t offset, size_t bytes, void* to) const;

 private:
  struct Handle;
  FileReader(std::string source, std::unique_ptr<Handle> handle, uint64_t size);

  std::string source_;
  std::unique_ptr<Handle> handle_;
  uint64_t size_;
};

// The content of a regular file. Throws Error when it cannot be read or holds more than `limit` bytes.
std::string ReadWholeFile(const std::filesystem::path& path, size_t limit);
// The same of what may also be a pipe, such as a prompt: it is read to its end.
std::string ReadWholeStream(const std::filesystem::path& path, size_t limit);

// Whether the directory has that name: true also for a link that leads nowhere or in a circle, which opening then tells
// about. An optional file that is broken is not an absent one.
bool NameExists(const std::filesystem::path& path);

// Throws Error where the path is not that of a directory, and says why not. `what` begins the sentence, such as "-m 'x'".
void RequireDirectory(const std::filesystem::path& path, const std::string& what, const std::string& advice);

}  // namespace invar
