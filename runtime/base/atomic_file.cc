#include "runtime/base/atomic_file.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

#include "runtime/base/error.h"
#include "runtime/base/interrupt.h"

#if defined(_WIN32)
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#else
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace invar {
namespace {

#if defined(_WIN32)
constexpr int kCreate = _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY;
constexpr int kMode = _S_IREAD | _S_IWRITE;
int OpenFile(const std::filesystem::path& path) { return ::_wopen(path.c_str(), kCreate, kMode); }
long long WriteSome(int fd, const void* data, size_t n) { return ::_write(fd, data, static_cast<unsigned>(n)); }
int Sync(int fd) { return ::_commit(fd); }
int CloseFile(int fd) { return ::_close(fd); }
int ProcessId() { return ::_getpid(); }
bool KeepPermissions(const std::filesystem::path&, int) { return true; }
void SyncDirectory(const std::filesystem::path&) {}
#else
int OpenFile(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}
long long WriteSome(int fd, const void* data, size_t n) { return ::write(fd, data, n); }
int Sync(int fd) { return ::fsync(fd); }
int CloseFile(int fd) { return ::close(fd); }
int ProcessId() { return ::getpid(); }
// Makes the rename itself survive a power cut. Best effort: the file is whole either way.
// The permissions of the file that will be replaced, and whether it may be written at all: what its owner decided.
bool KeepPermissions(const std::filesystem::path& target, int fd) {
  struct stat found;
  if (::stat(target.c_str(), &found) != 0) return true;
  if (::access(target.c_str(), W_OK) != 0) return false;
  ::fchmod(fd, found.st_mode & 07777);  // best effort: file systems without permissions refuse
  return true;
}
void SyncDirectory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}
#endif

[[noreturn]] void Fail(const std::filesystem::path& path, const std::error_code& code) {
  throw Error("cannot write " + path.string() + ": " + code.message() +
              "; check that its directory exists, is writable and has space");
}

[[noreturn]] void Fail(const std::filesystem::path& path) {
  Fail(path, std::error_code(errno, std::generic_category()));
}

// Where a system lists what a process has open: replacing a file of such a name would not write to what is open, but take its
// name away from it.
bool NamesWhatIsOpen(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
  if (error) return false;
  const std::string name = folder.generic_string();
  return name == "/dev/fd" || name == "/proc" || name.rfind("/proc/", 0) == 0;
}

// The end of a chain of symbolic links, whether it exists or not.
std::filesystem::path FollowLinks(const std::filesystem::path& given) {
  std::filesystem::path path = given;
  std::error_code error;
  for (int links = 0;; ++links) {
    if (NamesWhatIsOpen(path)) {
      throw Error("cannot write " + given.string() + ": it stands for something that is open already, and a file that appears whole takes "
                  "the place of another; name a file");
    }
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return path;
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (!error && links == 40) error = std::make_error_code(std::errc::too_many_symbolic_link_levels);
    if (error) Fail(given, error);
    path = path.parent_path() / next;
  }
}

// What a symbolic link names is written, not the link, be it there yet or not. Anything but a regular file is refused: a rename
// over a device or a pipe would take its place instead of writing to it.
std::filesystem::path Target(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const bool there = std::filesystem::exists(status);
  // A link in a circle, a directory that may not be searched.
  if (!there && status.type() != std::filesystem::file_type::not_found) Fail(path, error);
  std::filesystem::path target = FollowLinks(path);
  if (!there) return target;
  if (!std::filesystem::is_regular_file(status)) {
    throw Error("cannot write " + path.string() + ": it exists and is not a regular file; name another");
  }
  target = std::filesystem::canonical(target, error);
  if (error) Fail(path, error);
  return target;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(Target(path)) {
  if (!path_.has_filename()) throw Error("cannot write " + path.string() + ": it names no file");
  static std::atomic<unsigned> counter{0};
  // A name left by a process that was killed may be in the way once its number comes round again.
  for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
    // The target's own name is left out: with it, a name near the system's limit would become too long.
    temporary_ = path_.parent_path() /
                 (".invar-" + std::to_string(ProcessId()) + "-" + std::to_string(counter.fetch_add(1)) + ".tmp");
    descriptor_ = OpenFile(temporary_);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) Fail(path_);
  if (!KeepPermissions(path_, descriptor_)) {
    const int error = errno;
    CloseFile(descriptor_);
    std::filesystem::remove(temporary_);
    errno = error;
    Fail(path_);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) CloseFile(descriptor_);
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
}

void AtomicFile::Write(const void* data, size_t size) {
  if (descriptor_ < 0) throw Error("cannot write " + path_.string() + ": it was already committed");
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    CheckInterrupt();
    // Systems cut or refuse writes of 2 GiB and more.
    const long long written = WriteSome(descriptor_, from, std::min<size_t>(size, size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) Fail(path_);
    from += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::Commit(bool durable) {
  if (descriptor_ < 0) throw Error("cannot write " + path_.string() + ": it was already committed");
  if (durable && Sync(descriptor_) != 0) Fail(path_);
  CheckInterrupt();
  // The descriptor is gone even where close reports a delayed error (a network file system).
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (CloseFile(descriptor) != 0) Fail(path_);
  std::error_code error;
  std::filesystem::rename(temporary_, path_, error);
  if (error) Fail(path_, error);
  temporary_.clear();
  if (durable) SyncDirectory(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
}

}  // namespace invar
