// Files that are not what their names promise.
#include "runtime/base/file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/cli/process.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;

TEST(File, AFileThatBecomesShorterIsAnError) {
  const TemporaryDirectory folder;
  WriteText(folder / "x", std::string(10000, 'x'));
  const auto file = FileReader::Open(folder / "x");
  char bytes[100];
  file->ReadAt(9900, 100, bytes);
  EXPECT_EQ(bytes[99], 'x');
  fs::resize_file(folder / "x", 9950);
  ExpectRefusal([&] { file->ReadAt(9900, 100, bytes); }, {(folder / "x").string(), "became shorter"});
  ExpectRefusal([&] { file->ReadAt(UINT64_MAX / 4, 1, bytes); }, {(folder / "x").string()});
}

TEST(File, StaysTheSameWhereAnotherIsRenamedOverIt) {
  const TemporaryDirectory folder;
  WriteText(folder / "x", "old");
  const auto file = FileReader::Open(folder / "x");
  WriteText(folder / "y", "n");
  fs::rename(folder / "y", folder / "x");
  char bytes[3];
  file->ReadAt(0, 3, bytes);
  EXPECT_EQ(std::string(bytes, 3), "old");
}

// None of these may wait, either: a FIFO that nobody writes to would for ever.
TEST(File, WhatIsNoFileIsRefusedByKind) {
  const TemporaryDirectory folder;
  const std::string fifo = (folder / "fifo").string(), path = (folder / "socket").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  fs::create_symlink("nowhere", folder / "dangling");
  const std::vector<std::pair<fs::path, std::string>> cases = {
      {folder.path(), "directory"},       {fifo, "not a regular file"},
      {path, "not a regular file"},       {"/dev/zero", "not a regular file"},
      {folder / "a", "symbolic links"},   {folder / "dangling", "No such file"},
      {folder / "none", "No such file"},  {folder / "fifo/x", "Not a directory"}};
  for (const auto& [file, word] : cases) {
    ExpectRefusal([&] { FileReader::Open(file); }, {file.string(), word});
    ExpectRefusal([&] { ReadWholeFile(file, 100); }, {file.string(), word});
  }
  ::close(socket);
  EXPECT_TRUE(NameExists(folder / "a"));
  EXPECT_TRUE(NameExists(folder / "dangling"));
  EXPECT_FALSE(NameExists(folder / "none"));
}

TEST(File, DirectoriesThatAreNone) {
  const TemporaryDirectory folder;
  WriteText(folder / "file", "");
  fs::create_symlink("loop", folder / "loop");
  RequireDirectory(folder.path(), "x", "y");
  ExpectRefusal([&] { RequireDirectory(folder / "file", "-m f", "give one"); }, {"-m f is no directory; give one"});
  ExpectRefusal([&] { RequireDirectory(folder / "loop", "-m l", "give one"); }, {"-m l is no directory", "symbolic links", "give one"});
  ExpectRefusal([&] { RequireDirectory(folder / "none", "-m n", "give one"); }, {"No such file"});
}

TEST(File, LimitsHoldForWhatHasNoSize) {
  const TemporaryDirectory folder;
  WriteText(folder / "x", "12345");
  EXPECT_EQ(ReadWholeFile(folder / "x", 5), "12345");
  EXPECT_EQ(ReadWholeStream(folder / "x", 5), "12345");
  ExpectRefusal([&] { ReadWholeFile(folder / "x", 4); }, {"larger than the 4 bytes"});
  ExpectRefusal([&] { ReadWholeStream(folder / "x", 4); }, {"larger than the 4 bytes"});
  ExpectRefusal([&] { ReadWholeStream("/dev/zero", 1 << 20); }, {"/dev/zero", "larger than"});
}

}  // namespace
}  // namespace invar::testing
