// Files that appear whole or not at all, where their names lead elsewhere.
#include "runtime/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/process.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;

void Write(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.Write(text);
  file.Commit();
}

size_t Entries(const fs::path& folder) { return static_cast<size_t>(std::distance(fs::directory_iterator(folder), {})); }

TEST(AtomicFile, WritesWhatALinkNames) {
  const TemporaryDirectory folder;
  fs::create_directory(folder / "there");
  WriteText(folder / "there/old", "old");
  fs::create_symlink("there/old", folder / "to-old");
  fs::create_symlink("there/new", folder / "to-new");
  fs::create_symlink("to-new", folder / "to-to-new");
  fs::create_symlink((folder / "there/absolute").string(), folder / "to-absolute");
  for (const std::string link : {"to-old", "to-new", "to-to-new", "to-absolute"}) {
    Write(folder / link, link);
    EXPECT_TRUE(fs::is_symlink(folder / link)) << link;
    EXPECT_EQ(FileText(folder / link), link);
  }
  EXPECT_EQ(FileText(folder / "there/old"), "to-old");
  EXPECT_EQ(FileText(folder / "there/new"), "to-to-new");
  EXPECT_EQ(Entries(folder / "there"), 3u);
  EXPECT_EQ(Entries(folder.path()), 5u) << "something was left beside the links";
}

TEST(AtomicFile, LinksThatLeadNowhereAreRefused) {
  const TemporaryDirectory folder;
  fs::create_symlink("none/file", folder / "no-directory");
  fs::create_symlink("loop", folder / "loop");
  WriteText(folder / "file", "");
  fs::create_symlink("file/x", folder / "below-a-file");
  ExpectRefusal([&] { Write(folder / "no-directory", "x"); }, {"cannot write", "none/file", "directory exists"});
  ExpectRefusal([&] { Write(folder / "loop", "x"); }, {"cannot write", "loop"});
  ExpectRefusal([&] { Write(folder / "below-a-file", "x"); }, {"cannot write"});
  EXPECT_TRUE(fs::is_symlink(folder / "no-directory"));
  EXPECT_EQ(Entries(folder.path()), 4u);
}

// As /dev/stdout is, where standard output goes to a file: replacing that file would leave what was written before and after in
// one that nobody can find.
TEST(AtomicFile, WhatIsOpenIsNotReplaced) {
  if (!fs::exists("/dev/fd/0")) GTEST_SKIP() << "nothing is listed in /dev/fd here";
  const TemporaryDirectory folder;
  const int descriptor = ::open((folder / "output").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::write(descriptor, "before", 6), 6);
  const std::string open = "/dev/fd/" + std::to_string(descriptor);
  fs::create_symlink(open, folder / "link");
  ExpectRefusal([&] { Write(open, "x"); }, {"cannot write " + open, "open already", "name a file"});
  ExpectRefusal([&] { Write(folder / "link", "x"); }, {"cannot write " + (folder / "link").string(), "open already"});
  ASSERT_EQ(::write(descriptor, " after", 6), 6);
  ::close(descriptor);
  EXPECT_EQ(FileText(folder / "output"), "before after");
  ExpectRefusal([&] { Write("/dev/null", "x"); }, {"not a regular file"});
}

}  // namespace
}  // namespace invar::testing
