// A file's bytes where they lie in the system's cache of files, read-only: no copy is made of them.
//
// Only for files that this program wrote for itself and replaces by renaming (runtime/model/packed_cache.h). A file that
// somebody shortens while it is mapped ends the process that touches it: files of others are read (runtime/base/file.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/base/file.h"

namespace invar {

// What tells whether a file is still the one it was, without reading it: any change of it changes one of these.
struct FileStamp {
  uint64_t size = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;  // its content, since 1970
  int64_t changed_ns = 0;   // anything of it; no program can set this one

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Nothing where there is no such regular file, or the system tells no such things.
std::optional<FileStamp> StampOf(const std::filesystem::path& path);
// Nanoseconds since 1970, by the clock that files are stamped with.
int64_t FileClockNow();

// Whether somebody beside this user and the system's own could have written it.
bool OthersMayWrite(const FileReader& file);

class MappedFile {
 public:
  MappedFile() = default;
  // Bytes [offset, offset + bytes) of the file, offset a multiple of 64 KiB. What is mapped is the file that was opened,
  // whatever its name means by now. Throws Error where the system has no such mappings, or none to give.
  MappedFile(const FileReader& file, uint64_t offset, size_t bytes);
  // Whether bytes [begin, begin + bytes) can be read, begin a multiple of 64 KiB. False: touching them would end the process,
  // or this system does not tell.
  bool Readable(size_t begin, size_t bytes) const;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace invar
