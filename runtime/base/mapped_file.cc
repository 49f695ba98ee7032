#include "runtime/base/mapped_file.h"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"

#if defined(__linux__) || defined(__APPLE__)
#define INVAR_MAPS_FILES 1
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace invar {

#if defined(INVAR_MAPS_FILES)

std::optional<FileStamp> StampOf(const std::filesystem::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto nanoseconds = [](const struct timespec& time) {
    return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + static_cast<int64_t>(time.tv_nsec);
  };
#if defined(__APPLE__)
  const int64_t modified = nanoseconds(status.st_mtimespec), changed = nanoseconds(status.st_ctimespec);
#else
  const int64_t modified = nanoseconds(status.st_mtim), changed = nanoseconds(status.st_ctim);
#endif
  return FileStamp{static_cast<uint64_t>(status.st_size), static_cast<uint64_t>(status.st_ino), modified, changed};
}

bool OthersMayWrite(const FileReader& file) {
  struct stat status;
  if (::fstat(file.descriptor(), &status) != 0) return true;
  return (status.st_uid != ::geteuid() && status.st_uid != 0) || (status.st_mode & S_IWOTH) != 0;
}

MappedFile::MappedFile(const FileReader& file, uint64_t offset, size_t bytes) : size_(bytes) {
  // Every page is asked for at once: the first walk would otherwise wait for each.
#if defined(MAP_POPULATE)
  constexpr int kFlags = MAP_PRIVATE | MAP_POPULATE;
#else
  constexpr int kFlags = MAP_PRIVATE;
#endif
  void* const data = ::mmap(nullptr, bytes, PROT_READ, kFlags, file.descriptor(), static_cast<off_t>(offset));
  if (data == MAP_FAILED) {
    throw Error("cannot map " + file.source() + ": " + std::error_code(errno, std::generic_category()).message() +
                "; check the limit of address space (ulimit -v)");
  }
  data_ = data;
}

bool MappedFile::Readable(size_t begin, size_t bytes) const {
#if defined(MADV_POPULATE_READ)
  // An emulator of Linux takes any advice and does nothing.
  static const bool tells = ::madvise(data_, 1, -1) != 0;
  return tells && ::madvise(static_cast<char*>(data_) + begin, bytes, MADV_POPULATE_READ) == 0;
#else
  static_cast<void>(begin), static_cast<void>(bytes);
  return false;
#endif
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

#else

std::optional<FileStamp> StampOf(const std::filesystem::path&) { return std::nullopt; }

bool OthersMayWrite(const FileReader&) { return true; }

MappedFile::MappedFile(const FileReader& file, uint64_t, size_t) {
  throw Error("cannot map " + file.source() + ": this system has no mappings of files; leave the packed cache out");
}

bool MappedFile::Readable(size_t, size_t) const { return false; }

MappedFile::~MappedFile() = default;

#endif

int64_t FileClockNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace invar
