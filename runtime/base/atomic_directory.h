// A directory that appears whole or not at all.
#pragma once

#include <filesystem>

namespace invar {

// Files are written into path(), a temporary directory beside the target; Commit renames it. Without Commit (an exception,
// an early return) it is removed and the target is untouched.
class AtomicDirectory {
 public:
  // Throws Error where the target exists, unless `replace`, and then where it is anything but a directory that holds a
  // checkpoint's files alone (nothing else may be lost), and where its parent cannot be written.
  AtomicDirectory(const std::filesystem::path& target, bool replace);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  // Once, last. A directory that is replaced is moved aside first and moved back where the rename fails.
  void Commit();

 private:
  std::filesystem::path target_, temporary_;
  bool replaces_ = false;
};

}  // namespace invar
