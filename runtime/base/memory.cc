#include "runtime/base/memory.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

#include "runtime/base/error.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

namespace invar {
namespace {

namespace fs = std::filesystem;

// Files of the kernel are small, and have no size to go by.
std::string KernelFile(const fs::path& path) {
  std::ifstream file(path);
  std::string text, line;
  while (text.size() < (1 << 20) && std::getline(file, line)) text += line + "\n";
  return text;
}

std::optional<uint64_t> Number(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return std::nullopt;
  text.remove_prefix(begin);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional<uint64_t>(value) : std::nullopt;
}

// The number after `name` at the start of a line.
std::optional<uint64_t> Entry(const std::string& text, const std::string& name) {
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == text.npos) end = text.size();
    if (text.compare(at, name.size(), name) == 0) return Number(std::string_view(text).substr(at + name.size(), end - at - name.size()));
    at = end + 1;
  }
  return std::nullopt;
}

uint64_t Left(uint64_t limit, uint64_t used) { return used < limit ? limit - used : 0; }

void Lower(AvailableMemory& least, uint64_t bytes, const char* limit) {
  if (bytes < least.bytes) least = {bytes, limit};
}

struct Controller {
  const char* mount;
  const char *limit, *usage, *inactive;
};
constexpr Controller kUnified = {"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr Controller kHybrid = {"sys/fs/cgroup/unified", "memory.max", "memory.current", "inactive_file"};
constexpr Controller kFirst = {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file"};

// A group and all that it lies in. Inside a container the path may be that of outside: what is not there says nothing,
// and the mount's own root is the container's group.
void LowerByGroup(AvailableMemory& least, const fs::path& root, const Controller& controller, std::string path) {
  for (;;) {
    const fs::path group = root / controller.mount / fs::path(path).relative_path();
    const auto limit = Number(KernelFile(group / controller.limit));  // "max" is none
    const auto usage = Number(KernelFile(group / controller.usage));
    if (limit && usage) {
      // Pages of files that nobody uses are given up before anything is refused.
      const uint64_t idle = Entry(KernelFile(group / "memory.stat"), std::string(controller.inactive) + " ").value_or(0);
      Lower(least, Left(*limit, Left(*usage, idle)), "the cgroup's limit");
    }
    const size_t slash = path.find_last_of('/');
    if (path.empty() || slash == path.npos) return;
    path.resize(slash);
  }
}

std::string BytesText(uint64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%llu bytes (%.1f GiB)", static_cast<unsigned long long>(bytes),
                static_cast<double>(bytes) / 1073741824.0);
  return text;
}

}  // namespace

AvailableMemory MemoryAvailable(const fs::path& root) {
  AvailableMemory least = {UINT64_MAX, "nothing"};
  if (const auto kilobytes = Entry(KernelFile(root / "proc/meminfo"), "MemAvailable:")) {
    Lower(least, SaturatingMultiply(*kilobytes, 1024), "the machine's free memory");
  }
  // Lines "number:controllers:path".
  const std::string groups = KernelFile(root / "proc/self/cgroup");
  for (size_t at = 0; at < groups.size();) {
    size_t end = groups.find('\n', at);
    if (end == groups.npos) end = groups.size();
    const std::string line = groups.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(':'), second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      LowerByGroup(least, root, kUnified, path);
      LowerByGroup(least, root, kHybrid, path);
    } else if (controllers.find(",memory,") != controllers.npos) {
      LowerByGroup(least, root, kFirst, path);
    }
  }
#if !defined(_WIN32)
  const std::string status = KernelFile(root / "proc/self/status");
  const auto by_limit = [&](const struct rlimit& limit, const char* used, const char* name) {
    const auto kilobytes = Entry(status, used);
    if (kilobytes && limit.rlim_cur != RLIM_INFINITY) Lower(least, Left(limit.rlim_cur, *kilobytes * 1024), name);
  };
  struct rlimit limit;
  if (::getrlimit(RLIMIT_AS, &limit) == 0) by_limit(limit, "VmSize:", "the address space limit (ulimit -v)");
  if (::getrlimit(RLIMIT_DATA, &limit) == 0) by_limit(limit, "VmData:", "the data limit (ulimit -d)");
#endif
  return least;
}

void RequireMemory(uint64_t bytes, const std::string& what, const std::string& advice) {
  if (bytes < kLittleMemory) return;
  const AvailableMemory available = MemoryAvailable();
  if (bytes <= available.bytes) return;
  throw Error(what + " " + BytesText(bytes) + " of memory, but " + available.limit + " leaves only " +
              BytesText(available.bytes) + "; " + advice);
}

}  // namespace invar
