#include "runtime/model/checkpoint_files.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"

namespace invar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestText = size_t{1} << 30;  // of a vocabulary, a template
constexpr const char* kTemplates = "additional_chat_templates";

[[noreturn]] void FailToRead(const fs::path& directory, const std::error_code& error) {
  throw Error("cannot read the directory " + directory.string() + ": " + error.message() + "; check its permissions");
}

// Sorted, so that a message names the same file each time.
std::vector<fs::directory_entry> EntriesOf(const fs::path& directory) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  fs::directory_iterator at(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) entries.push_back(*at);
  if (error) FailToRead(directory, error);
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool IsTemplate(std::string_view name) { return name.size() > 6 && name.front() != '.' && name.ends_with(".jinja"); }

bool IsOwnFile(const fs::directory_entry& entry) {
  std::error_code error;
  return !entry.is_symlink(error) && entry.is_regular_file(error) && !error;
}

[[noreturn]] void RefuseEntry(const fs::path& directory, const std::string& name) {
  throw Error("cannot replace " + directory.string() + ": it holds " + Quoted(name) +
              ", which is no file of a checkpoint; name another directory, or move that away");
}

bool IsWithin(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first == directory.end();
}

void CopyText(const fs::path& from, const fs::path& to) {
  AtomicFile file(to);
  file.Write(ReadWholeFile(from, kLargestText));
  file.Commit();
}

// What a link names is copied; a link that leads nowhere is no file.
bool NamesAFile(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.is_regular_file(error) && !error;
}

}  // namespace

bool IsCheckpointText(std::string_view name) {
  for (const char* known : {"generation_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "added_tokens.json",
                            "chat_template.json", "chat_template.jinja", "tokenizer.model"}) {
    if (name == known) return true;
  }
  return name.starts_with("tokenizer") && name.ends_with(".json");
}

bool IsCheckpointWeights(std::string_view name) {
  return (name.starts_with("model") && name.ends_with(".safetensors")) || (name.size() > 5 && name.front() != '.' && name.ends_with(".gguf"));
}

bool IsCheckpointFile(std::string_view name) {
  return name == "config.json" || name == "model.safetensors.index.json" || IsCheckpointWeights(name) || IsCheckpointText(name);
}

void RequireCheckpointAlone(const fs::path& directory) {
  bool config = false, weights = false;
  for (const fs::directory_entry& entry : EntriesOf(directory)) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    if (name == kTemplates && !entry.is_symlink(error) && entry.is_directory(error)) {
      for (const fs::directory_entry& inner : EntriesOf(entry.path())) {
        const std::string inner_name = inner.path().filename().string();
        if (!IsTemplate(inner_name) || !IsOwnFile(inner)) RefuseEntry(entry.path(), inner_name);
      }
      continue;
    }
    if (!IsCheckpointFile(name) || !IsOwnFile(entry)) RefuseEntry(directory, name);
    config = config || name == "config.json";
    weights = weights || IsCheckpointWeights(name);
  }
  if (!config || !weights) {
    throw Error("cannot replace " + directory.string() + ": it is no checkpoint, since it holds no " +
                (config ? "weights (model*.safetensors or *.gguf)" : "config.json") + "; name another directory, or move it away");
  }
}

void RequireApart(const fs::path& source, const fs::path& target) {
  std::error_code error;
  const fs::path goal = fs::canonical(target, error);
  if (error) return;  // nothing is there to be lost
  const auto require = [&](const fs::path& path) {
    std::error_code missing;
    const fs::path real = fs::canonical(path, missing);
    if (missing || !IsWithin(real, goal)) return;
    throw Error("the model cannot be converted into the directory that it is read from: " + path.string() + " lies in " +
                target.string() + "; name another");
  };
  require(source);
  if (!fs::is_directory(source, error)) return;
  for (const fs::directory_entry& entry : EntriesOf(source)) require(entry.path());
  if (!fs::is_directory(source / kTemplates, error)) return;
  for (const fs::directory_entry& entry : EntriesOf(source / kTemplates)) require(entry.path());
}

void CopyCheckpointTexts(const fs::path& source, const fs::path& target) {
  for (const fs::directory_entry& entry : EntriesOf(source)) {
    const std::string name = entry.path().filename().string();
    if (IsCheckpointText(name) && NamesAFile(entry)) CopyText(entry.path(), target / name);
  }
  std::error_code error;
  if (!fs::is_directory(source / kTemplates, error)) return;
  if (!fs::create_directory(target / kTemplates, error)) {
    throw Error("cannot write the directory " + (target / kTemplates).string() + ": " + error.message() + "; check that there is space");
  }
  for (const fs::directory_entry& entry : EntriesOf(source / kTemplates)) {
    const std::string name = entry.path().filename().string();
    if (IsTemplate(name) && NamesAFile(entry)) CopyText(entry.path(), target / kTemplates / name);
  }
}

}  // namespace invar
