#include "runtime/weights/safetensors.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/weights/safetensors_header.h"

namespace invar {
namespace {

constexpr size_t kMaxIndex = 100'000'000;  // bytes

// A file name and nothing more: an index must not make us read outside its own directory.
bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\:\0", 4)) == name.npos;
}

// Where `name` stands among sorted names, or their number.
size_t IndexOf(const std::vector<std::string>& names, std::string_view name) {
  const auto it = std::lower_bound(names.begin(), names.end(), name);
  return it != names.end() && *it == name ? static_cast<size_t>(it - names.begin()) : names.size();
}

}  // namespace

SafetensorsFile SafetensorsFile::Open(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.source_ = path.string();
  file.Read(FileReader::Open(path), {});
  return file;
}

SafetensorsFile SafetensorsFile::Parse(std::span<const std::byte> bytes, std::string source) {
  SafetensorsFile file;
  file.source_ = std::move(source);
  file.Read(nullptr, bytes);
  return file;
}

void SafetensorsFile::Read(std::shared_ptr<const FileReader> file, std::span<const std::byte> bytes) {
  file_ = std::move(file);
  const auto read = [&](uint64_t offset, size_t count, void* to) {
    if (file_ != nullptr) {
      file_->ReadAt(offset, count, to);
    } else if (count > 0) {
      std::memcpy(to, bytes.data() + offset, count);
    }
  };
  SafetensorsHeader header = ReadSafetensorsHeader(file_ != nullptr ? file_->size() : bytes.size(), read, source_);
  metadata_ = std::move(header.metadata);
  tensors_.reserve(header.tensors.size());
  names_.reserve(header.tensors.size());
  for (SafetensorsHeader::Tensor& tensor : header.tensors) {
    const DType dtype = DTypeOf(tensor.dtype);
    if (dtype == DType::kUnknown) unknown_types_.emplace(tensor.name, tensor.dtype);
    names_.push_back(tensor.name);
    const uint64_t begin = header.data_begin + tensor.begin;
    tensors_.push_back({std::move(tensor.name), dtype, std::move(tensor.shape), tensor.end - tensor.begin, file_.get(), begin,
                        file_ != nullptr ? nullptr : bytes.data() + begin});
  }
}

const TensorView* SafetensorsFile::Look(std::string_view name) const {
  const size_t i = IndexOf(names_, name);
  return i == names_.size() ? nullptr : &tensors_[i];
}

std::string SafetensorsFile::TypeName(const TensorView& tensor) const {
  return tensor.dtype == DType::kUnknown ? unknown_types_.find(tensor.name)->second : DTypeName(tensor.dtype);
}

const TensorView* SafetensorsFile::Find(std::string_view name) const {
  const TensorView* tensor = Look(name);
  if (tensor != nullptr && tensor->dtype == DType::kUnknown) {
    throw Error("tensor " + Quoted(name) + " of " + source_ + " has the type " + Quoted(TypeName(*tensor)) +
                ", which is not supported; use a checkpoint stored as F32, F16 or BF16");
  }
  return tensor;
}

SafetensorsCheckpoint SafetensorsCheckpoint::Open(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  RequireDirectory(directory, directory.string(),
                   "name the directory that holds the checkpoint's config.json and model.safetensors");
  SafetensorsCheckpoint checkpoint;
  checkpoint.directory_ = directory;
  const fs::path single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  if (NameExists(single)) {
    checkpoint.files_.push_back(SafetensorsFile::Open(single));
    checkpoint.names_ = checkpoint.files_[0].names();
    checkpoint.file_of_name_.assign(checkpoint.names_.size(), 0);
    return checkpoint;
  }
  if (NameExists(index)) {
    checkpoint.OpenShards(index);
    return checkpoint;
  }
  std::string found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth") found = entry.path().filename().string();
  }
  if (!found.empty()) {
    throw Error(directory.string() + " has " + Quoted(found) + " but no model.safetensors; pickled weights can run " +
                "code and are not read: convert them with transformers' save_pretrained(safe_serialization=True)");
  }
  throw Error(directory.string() + " has neither model.safetensors nor model.safetensors.index.json; download the " +
              "checkpoint's weights into it");
}

void SafetensorsCheckpoint::OpenShards(const std::filesystem::path& index) {
  const nlohmann::json json = ParseJsonFile(index, kMaxIndex);
  const JsonFields fields(json, index.string());
  const nlohmann::json* map = fields.Find("weight_map");
  if (map == nullptr || !map->is_object()) fields.Reject("weight_map", "an object of tensor names and file names");
  std::map<std::string, size_t> file_by_name;
  for (const auto& [name, file] : map->items()) {  // ascending: the parser keeps objects sorted
    if (!file.is_string() || !IsPlainFileName(file.get_ref<const std::string&>())) {
      throw Error(index.string() + ": weight_map of " + Quoted(name) +
                  " must be the name of a file in the same directory, but it is " + Quoted(file.dump()));
    }
    const std::string& shard = file.get_ref<const std::string&>();
    const auto [it, is_new] = file_by_name.emplace(shard, files_.size());
    if (is_new) {
      const std::filesystem::path path = directory_ / shard;
      if (!NameExists(path)) {
        throw Error("the file " + Quoted(shard) + " that " + index.string() +
                    " names is missing; download it into the same directory");
      }
      files_.push_back(SafetensorsFile::Open(path));
    }
    names_.push_back(name);
    file_of_name_.push_back(it->second);
  }
  // Index and files must tell the same story, or which bytes a name means would depend on who reads the checkpoint.
  // Tensors that the index does not name are not part of the checkpoint.
  std::vector<std::pair<std::string_view, size_t>> held;  // every tensor of every file
  for (size_t f = 0; f < files_.size(); ++f) {
    for (const std::string& name : files_[f].names()) held.emplace_back(name, f);
  }
  std::sort(held.begin(), held.end());
  for (size_t i = 0; i < names_.size(); ++i) {
    const size_t wanted = file_of_name_[i];
    const auto fail = [&](const char* is, size_t f) {
      throw Error("tensor " + Quoted(names_[i]) + is + files_[f].source() + ", but " + index.string() + " places it in " +
                  files_[wanted].source() + "; download the checkpoint again");
    };
    bool found = false;
    auto at = std::lower_bound(held.begin(), held.end(), std::pair<std::string_view, size_t>(names_[i], 0));
    for (; at != held.end() && at->first == names_[i]; ++at) {
      if (at->second != wanted) fail(" is also in ", at->second);
      found = true;
    }
    if (!found) fail(" is not in ", wanted);
  }
}

const SafetensorsFile* SafetensorsCheckpoint::FileOf(std::string_view name) const {
  const size_t i = IndexOf(names_, name);
  return i == names_.size() ? nullptr : &files_[file_of_name_[i]];
}

const TensorView* SafetensorsCheckpoint::Find(std::string_view name) const {
  const SafetensorsFile* file = FileOf(name);
  return file == nullptr ? nullptr : file->Find(name);
}

}  // namespace invar
