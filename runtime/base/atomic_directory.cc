#include "runtime/base/atomic_directory.h"

#include <random>
#include <string>
#include <system_error>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const fs::path& path, const std::error_code& code) {
  throw Error("cannot write the directory " + path.string() + ": " + code.message() +
              "; check that its parent exists, is writable and has space");
}

// Only what a checkpoint is made of may be thrown away with it.
void RequireCheckpoint(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string(), extension = entry.path().extension().string();
    const bool known = extension == ".json" || extension == ".safetensors" || extension == ".jinja" ||
                       extension == ".model" || name == "merges.txt";
    if (name == "additional_chat_templates" && entry.is_directory(error) && !entry.is_symlink(error)) {
      RequireCheckpoint(entry.path());
      continue;
    }
    if (!known || !entry.is_regular_file(error) || entry.is_symlink(error)) {
      throw Error("cannot replace " + directory.string() + ": it holds " + Quoted(name) +
                  ", which is no file of a checkpoint; name another directory, or move that away");
    }
  }
  if (error) Fail(directory, error);
}

fs::path Beside(const fs::path& target) {
  // Unpredictable, so that two runs do not meet; a meeting is noticed by create_directory all the same.
  std::random_device random;
  fs::path parent = target.parent_path();
  return parent / (".invar-" + std::to_string(random()) + ".tmp");
}

}  // namespace

AtomicDirectory::AtomicDirectory(const fs::path& target, bool replace) {
  target_ = target.has_filename() ? target : target.parent_path();  // a slash at the end
  if (!target_.has_filename() || target_.filename() == "." || target_.filename() == "..") {
    throw Error("cannot write the directory " + Quoted(target.string()) + ": it has no name of its own; name a new one");
  }
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target_, error);
  if (fs::exists(status)) {
    if (!replace) throw Error(target_.string() + " exists already; name another directory, or replace it with --force");
    if (!fs::is_directory(status)) throw Error("cannot replace " + target_.string() + ": it is no directory; name another");
    RequireCheckpoint(target_);
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
  Fail(target_, error);
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::Commit() {
  std::error_code error;
  if (replaces_) {
    const fs::path aside = Beside(target_);
    fs::rename(target_, aside, error);
    if (error) Fail(target_, error);
    fs::rename(temporary_, target_, error);
    if (error) {
      std::error_code ignored;
      fs::rename(aside, target_, ignored);
      Fail(target_, error);
    }
    temporary_.clear();
    fs::remove_all(aside, error);
    if (error) throw Error("the new " + target_.string() + " is in place, but the old one could not be removed from " + aside.string() + ": " + error.message());
    return;
  }
  // A rename over a directory that another made meanwhile succeeds where that one is empty, and then loses nothing.
  fs::rename(temporary_, target_, error);
  if (error) Fail(target_, error);
  temporary_.clear();
}

}  // namespace invar
