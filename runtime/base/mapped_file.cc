#include "runtime/base/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"

#if __has_include(<sys/mman.h>) && !defined(INVAR_NO_MMAP)
#define INVAR_HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace invar {
namespace {

[[noreturn]] void Fail(const char* what, const std::filesystem::path& path, int code) {
  throw Error(std::string("cannot ") + what + " " + path.string() + ": " +
              std::error_code(code, std::generic_category()).message() + "; check the path and its permissions");
}

// Opening a directory succeeds and a FIFO waits for its writer, so the kind is asked first.
void RequireKind(const std::filesystem::path& path, bool regular) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) Fail("read", path, error ? error.value() : ENOENT);
  if (std::filesystem::is_directory(status)) {
    throw Error("cannot read " + path.string() + ": it is a directory; name a file in it");
  }
  if (regular && !std::filesystem::is_regular_file(status)) {
    throw Error("cannot map " + path.string() + ": it is not a regular file; copy it to one first");
  }
}

}  // namespace

MappedFile MappedFile::Open(const std::filesystem::path& path) {
  RequireKind(path, true);
  MappedFile file;
#if defined(INVAR_HAS_MMAP)
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  } descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (descriptor.value < 0) Fail("open", path, errno);
  struct stat status;
  if (::fstat(descriptor.value, &status) != 0) Fail("read the size of", path, errno);
  if (status.st_size < 0 || static_cast<uint64_t>(status.st_size) > SIZE_MAX) Fail("map", path, EFBIG);
  const size_t size = static_cast<size_t>(status.st_size);
  if (size == 0) return file;  // mmap refuses a length of zero
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.value, 0);
  if (data == MAP_FAILED) Fail("map", path, errno);
  file.data_ = static_cast<std::byte*>(data);
  file.size_ = size;
#else
  const uint64_t size = std::filesystem::file_size(path);
  if (size > SIZE_MAX) Fail("read", path, EFBIG);
  if (size == 0) return file;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.string().c_str(), "rb"), &std::fclose);
  if (stream == nullptr) Fail("open", path, errno);
  std::unique_ptr<std::byte[]> data(new std::byte[static_cast<size_t>(size)]);
  if (std::fread(data.get(), 1, static_cast<size_t>(size), stream.get()) != size) Fail("read", path, EIO);
  file.data_ = data.release();
  file.size_ = static_cast<size_t>(size);
#endif
  return file;
}

MappedFile::~MappedFile() {
#if defined(INVAR_HAS_MMAP)
  if (data_ != nullptr) ::munmap(data_, size_);
#else
  delete[] data_;
#endif
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  MappedFile taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

std::string ReadWholeFile(const std::filesystem::path& path, size_t limit) {
  RequireKind(path, false);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.string().c_str(), "rb"), &std::fclose);
  if (stream == nullptr) Fail("open", path, errno);
  // Read until the end rather than by the size the system reports: a pipe has none.
  std::string text;
  size_t used = 0;
  while (true) {
    text.resize(used + std::clamp<size_t>(used, 1 << 14, 1 << 24));
    const size_t got = std::fread(text.data() + used, 1, text.size() - used, stream.get());
    used += got;
    if (used > limit) {
      throw Error("cannot read " + path.string() + ": it is larger than the " + std::to_string(limit) +
                  " bytes that are read of such a file; check that it is the file you mean");
    }
    if (got == 0) break;
  }
  if (std::ferror(stream.get())) Fail("read", path, errno);
  text.resize(used);
  return text;
}

}  // namespace invar
