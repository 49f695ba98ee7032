// A directory that appears whole or not at all.
#pragma once

#include <filesystem>
#include <functional>

namespace invar {

// Files are written into path(), a temporary directory beside the target; Commit renames it. Without Commit (an exception,
// an early return) it is removed and the target is untouched.
class AtomicDirectory {
 public:
  // Throws Error for what is not to be lost with the directory that is given to it.
  using MayReplace = std::function<void(const std::filesystem::path&)>;

  // Throws Error where the target exists, unless it is a directory and `may_replace` is given and agrees (now, and again
  // before it is replaced), and where its parent cannot be written.
  explicit AtomicDirectory(const std::filesystem::path& target, MayReplace may_replace = nullptr);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  // Once, last. A directory that is replaced is moved aside first and moved back where the rename fails.
  void Commit();

 private:
  std::filesystem::path target_, temporary_;
  MayReplace may_replace_;
  bool replaces_ = false;
};

}  // namespace invar
