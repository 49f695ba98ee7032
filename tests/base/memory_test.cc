// What is left of memory, told from kernel files of every kind.
#include "runtime/base/memory.h"

#include "tests/cli/process.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

// A root with the files given; /proc/self/status is left out, and with it this process's own limits.
struct Root {
  TemporaryDirectory folder;
  void Put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((folder / path).parent_path());
    WriteText(folder / path, text);
  }
  AvailableMemory Read() const { return MemoryAvailable(folder.path()); }
};

TEST(Memory, OfTheMachine) {
  Root root;
  EXPECT_EQ(root.Read().bytes, UINT64_MAX);  // nothing is known
  root.Put("proc/meminfo", "MemTotal:       2000 kB\nMemFree:  10 kB\nMemAvailable:   1000 kB\n");
  EXPECT_EQ(root.Read().bytes, 1000u * 1024);
  root.Put("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(root.Read().bytes, 1000u * 1024);
}

TEST(Memory, TheTightestGroupOfTheSecondKindDecides) {
  for (const std::string mount : {"sys/fs/cgroup/", "sys/fs/cgroup/unified/"}) {
    Root root;
    root.Put("proc/meminfo", "MemAvailable:   1000 kB\n");
    root.Put("proc/self/cgroup", "9:name=systemd:/\n0::/a/b\n");
    root.Put(mount + "a/b/memory.max", "max\n");
    root.Put(mount + "a/b/memory.current", "5\n");
    root.Put(mount + "a/memory.max", "5000\n");
    root.Put(mount + "a/memory.current", "3000\n");
    EXPECT_EQ(root.Read().bytes, 2000u) << mount;
    EXPECT_EQ(root.Read().limit, "the cgroup's limit");
    root.Put(mount + "a/memory.stat", "anon 1\ninactive_file 500\n");
    EXPECT_EQ(root.Read().bytes, 2500u);
    root.Put(mount + "memory.max", "100\n");  // inside a container the mount's root is the group
    root.Put(mount + "memory.current", "200\n");
    EXPECT_EQ(root.Read().bytes, 0u);
  }
}

TEST(Memory, GroupsOfTheFirstKind) {
  Root root;
  root.Put("proc/meminfo", "MemAvailable:   1000 kB\n");
  root.Put("proc/self/cgroup", "4:cpu,memory:/path/outside\n");
  root.Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.Put("sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n");
  EXPECT_EQ(root.Read().bytes, 1000u * 1024);
  root.Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "10000\n");
  root.Put("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 1000\n");
  EXPECT_EQ(root.Read().bytes, 10000u - 3096);
}

TEST(Memory, MoreThanThereIsIsRefusedWithBothNumbers) {
  RequireMemory(1, "a byte needs", "nothing");
  RequireMemory(kLittleMemory, "a little needs", "nothing");
  ExpectRefusal([] { RequireMemory(uint64_t{1} << 60, "the model needs", "take a smaller one"); },
                {"the model needs 1152921504606846976 bytes", "leaves only", "take a smaller one"});
  EXPECT_EQ(SaturatingMultiply(UINT64_MAX / 2, 3), UINT64_MAX);
  EXPECT_EQ(SaturatingMultiply(1u << 20, 1u << 20), uint64_t{1} << 40);
  EXPECT_EQ(SaturatingAdd(UINT64_MAX, 1), UINT64_MAX);
}

}  // namespace
}  // namespace invar::testing
