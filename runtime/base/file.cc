#include "runtime/base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"

#if defined(_WIN32)
#include <mutex>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace invar {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const char* what, const std::string& source, int code) {
  throw Error(std::string("cannot ") + what + " " + source + ": " +
              std::error_code(code, std::generic_category()).message() + "; check the path and its permissions");
}

[[noreturn]] void FailTooLarge(const std::string& source, size_t limit) {
  throw Error("cannot read " + source + ": it is larger than the " + std::to_string(limit) +
              " bytes that are read of such a file; check that it is the file you mean");
}

[[noreturn]] void FailShortened(const std::string& source) {
  throw Error(source + " became shorter while it was read; leave the file alone while a model loads, and load it again");
}

// Opening a directory succeeds and a FIFO waits for its writer, so the kind is asked first.
void RequireKind(const fs::path& path, bool regular) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) Fail("read", path.string(), error ? error.value() : ENOENT);
  if (fs::is_directory(status)) {
    throw Error("cannot read " + path.string() + ": it is a directory; name a file in it");
  }
  if (regular && !fs::is_regular_file(status)) {
    throw Error("cannot read " + path.string() + ": it is not a regular file; copy it to one first");
  }
}

}  // namespace

#if defined(_WIN32)

struct FileReader::Handle {
  std::FILE* stream = nullptr;
  std::mutex mutex;  // seeking and reading are two steps
  ~Handle() {
    if (stream != nullptr) std::fclose(stream);
  }
};

std::shared_ptr<const FileReader> FileReader::Open(const fs::path& path) {
  RequireKind(path, true);
  auto handle = std::make_unique<Handle>();
  handle->stream = ::_wfopen(path.c_str(), L"rb");
  if (handle->stream == nullptr) Fail("open", path.string(), errno);
  const uint64_t size = fs::file_size(path);
  return std::shared_ptr<const FileReader>(new FileReader(path.string(), std::move(handle), size));
}

void FileReader::ReadAt(uint64_t offset, size_t bytes, void* to) const {
  const std::lock_guard<std::mutex> lock(handle_->mutex);
  if (::_fseeki64(handle_->stream, static_cast<long long>(offset), SEEK_SET) != 0) Fail("read", source_, errno);
  if (std::fread(to, 1, bytes, handle_->stream) == bytes) return;
  if (std::ferror(handle_->stream)) Fail("read", source_, EIO);
  FailShortened(source_);
}

int FileReader::descriptor() const { return -1; }

#else

struct FileReader::Handle {
  int descriptor = -1;
  ~Handle() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

std::shared_ptr<const FileReader> FileReader::Open(const fs::path& path) {
  RequireKind(path, true);
  auto handle = std::make_unique<Handle>();
  // The name may have come to mean something else since: a FIFO must not make this wait, and is refused below.
  handle->descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (handle->descriptor < 0) Fail("open", path.string(), errno);
  struct stat status;
  if (::fstat(handle->descriptor, &status) != 0) Fail("read the size of", path.string(), errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error("cannot read " + path.string() + ": it is not a regular file; copy it to one first");
  }
  if (status.st_size < 0) Fail("read the size of", path.string(), EFBIG);
  return std::shared_ptr<const FileReader>(
      new FileReader(path.string(), std::move(handle), static_cast<uint64_t>(status.st_size)));
}

int FileReader::descriptor() const { return handle_->descriptor; }

void FileReader::ReadAt(uint64_t offset, size_t bytes, void* to) const {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    // Systems cut or refuse reads of 2 GiB and more.
    const size_t most = std::min<size_t>(bytes, size_t{1} << 30);
    const ssize_t got = ::pread(handle_->descriptor, at, most, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) Fail("read", source_, errno);
    if (got == 0) FailShortened(source_);
    at += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

#endif

FileReader::FileReader(std::string source, std::unique_ptr<Handle> handle, uint64_t size)
    : source_(std::move(source)), handle_(std::move(handle)), size_(size) {}

FileReader::~FileReader() = default;

std::string ReadWholeFile(const fs::path& path, size_t limit) {
  const std::shared_ptr<const FileReader> file = FileReader::Open(path);
  if (file->size() > limit) FailTooLarge(file->source(), limit);
  std::string text(static_cast<size_t>(file->size()), '\0');
  file->ReadAt(0, text.size(), text.data());
  return text;
}

std::string ReadWholeStream(const fs::path& path, size_t limit) {
  RequireKind(path, false);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(path.string().c_str(), "rb"), &std::fclose);
  if (stream == nullptr) Fail("open", path.string(), errno);
  // Read until the end rather than by the size the system reports: a pipe has none.
  std::string text;
  size_t used = 0;
  while (true) {
    text.resize(used + std::clamp<size_t>(used, 1 << 14, 1 << 24));
    const size_t got = std::fread(text.data() + used, 1, text.size() - used, stream.get());
    used += got;
    if (used > limit) FailTooLarge(path.string(), limit);
    if (got == 0) break;
  }
  if (std::ferror(stream.get())) Fail("read", path.string(), errno);
  text.resize(used);
  return text;
}

bool NameExists(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

void RequireDirectory(const fs::path& path, const std::string& what, const std::string& advice) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return;
  const bool is_there = fs::exists(status);
  throw Error(what + " is no directory" + (is_there ? "" : ": " + (error ? error : std::make_error_code(
              std::errc::no_such_file_or_directory)).message()) + "; " + advice);
}

}  // namespace invar
