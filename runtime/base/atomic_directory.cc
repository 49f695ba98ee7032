#include "runtime/base/atomic_directory.h"

#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/json.h"

namespace invar {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void FailOn(const fs::path& path, const std::error_code& code) {
  throw Error("cannot write the directory " + path.string() + ": " + code.message() +
              "; check that its parent exists, is writable and has space");
}

fs::path Beside(const fs::path& target) {
  // Unpredictable, so that two runs do not meet; a meeting is noticed by create_directory all the same.
  std::random_device random;
  fs::path parent = target.parent_path();
  return parent / (".invar-" + std::to_string(random()) + ".tmp");
}

}  // namespace

AtomicDirectory::AtomicDirectory(const fs::path& target, MayReplace may_replace) : may_replace_(std::move(may_replace)) {
  target_ = target.has_filename() ? target : target.parent_path();  // a slash at the end
  if (!target_.has_filename() || target_.filename() == "." || target_.filename() == "..") {
    throw Error("cannot write the directory " + Quoted(target.string()) + ": it has no name of its own; name a new one");
  }
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target_, error);
  if (fs::exists(status)) {
    if (!may_replace_) throw Error(target_.string() + " exists already; name another directory, or replace it with --force");
    if (!fs::is_directory(status)) throw Error("cannot replace " + target_.string() + ": it is no directory; name another");
    may_replace_(target_);
    replaces_ = true;
  }
  for (int attempt = 0; attempt < 100; ++attempt) {
    const fs::path name = Beside(target_);
    if (fs::create_directory(name, error)) {
      temporary_ = name;
      return;
    }
    if (error) break;
  }
  FailOn(target_, error);
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::Commit() {
  CheckInterrupt();
  std::error_code error;
  if (replaces_) {
    may_replace_(target_);  // something may have been put there meanwhile
    const fs::path aside = Beside(target_);
    fs::rename(target_, aside, error);
    if (error) FailOn(target_, error);
    fs::rename(temporary_, target_, error);
    if (error) {
      std::error_code ignored;
      fs::rename(aside, target_, ignored);
      FailOn(target_, error);
    }
    temporary_.clear();
    fs::remove_all(aside, error);
    if (error) throw Error("the new " + target_.string() + " is in place, but the old one could not be removed from " + aside.string() + ": " + error.message());
    return;
  }
  // A rename over a directory that another made meanwhile succeeds where that one is empty, and then loses nothing.
  fs::rename(temporary_, target_, error);
  if (error) FailOn(target_, error);
  temporary_.clear();
}

}  // namespace invar
