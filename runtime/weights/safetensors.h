// Weights as Hugging Face stores them: safetensors files, one or several to a checkpoint.
//
// Files come from strangers. Everything in them is checked before anything is used, and a file that the reference
// implementation would refuse is refused; so is one whose meaning would depend on who reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.h"

namespace invar {

// Ascending as the reference implementation orders them, which decides where a tensor lies in a file that we write.
enum class DType { kBool, kU8, kI8, kI16, kU16, kF16, kBF16, kI32, kU32, kF32, kF64, kI64, kU64, kUnknown };

const char* DTypeName(DType dtype);
// Bytes of one element; 0 for kUnknown.
size_t DTypeSize(DType dtype);
// "[2, 3]", for messages.
std::string ShapeText(const std::vector<uint64_t>& shape);

struct TensorView {
  std::string name;
  DType dtype = DType::kUnknown;
  std::vector<uint64_t> shape;
  uint64_t bytes = 0;
  // Where the elements lie, row-major and little-endian whatever the machine: at `offset` of a file, or in memory.
  const FileReader* file = nullptr;
  uint64_t offset = 0;
  const std::byte* data = nullptr;

  uint64_t elements() const { return bytes / DTypeSize(dtype); }
  // Copies bytes [begin, begin + count) as they lie there. Throws Error where the file has become shorter.
  void Read(uint64_t begin, size_t count, void* to) const;
  // Copies the elements in the machine's own byte order; `to` has room for `bytes` bytes.
  void CopyTo(void* to) const;
};

// One open file, of which only the header is in memory. Its views stay valid while the object lives, also when it is moved.
class SafetensorsFile {
 public:
  static SafetensorsFile Open(const std::filesystem::path& path);
  // Of bytes that the caller keeps; messages call them `source`.
  static SafetensorsFile Parse(std::span<const std::byte> bytes, std::string source);

  // Null where there is no such tensor. Throws Error where it is of a type that this version does not know.
  const TensorView* Find(std::string_view name) const;
  // As Find, but a tensor that is missing is an Error.
  const TensorView& Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // Ascending.
  const std::vector<std::string>& names() const { return names_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& source() const { return source_; }

 private:
  // Views of `file`, or where there is none of `bytes`.
  void Read(std::shared_ptr<const FileReader> file, std::span<const std::byte> bytes);

  std::shared_ptr<const FileReader> file_;
  std::string source_;
  std::vector<TensorView> tensors_;  // ascending by name, as names_
  std::vector<std::string> names_;
  std::map<std::string, std::string> unknown_types_;  // by tensor
  std::map<std::string, std::string> metadata_;
};

// A checkpoint directory: model.safetensors, or model.safetensors.index.json and the files it names.
class SafetensorsCheckpoint {
 public:
  SafetensorsCheckpoint() = default;
  // Reads and checks every header; throws Error with what is wrong and where.
  static SafetensorsCheckpoint Open(const std::filesystem::path& directory);

  // As in SafetensorsFile.
  const TensorView* Find(std::string_view name) const;
  const TensorView& Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  const std::vector<std::string>& names() const { return names_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  void OpenShards(const std::filesystem::path& index);
  const SafetensorsFile* FileOf(std::string_view name) const;

  std::filesystem::path directory_;
  std::vector<SafetensorsFile> files_;
  std::vector<std::string> names_;
  std::vector<size_t> file_of_name_;  // for each of names_, which of files_ holds it
};

struct NamedTensor {
  std::string name;
  DType dtype;
  std::vector<uint64_t> shape;
  std::span<const std::byte> data;  // row-major, in the machine's own byte order
};

// Writes byte for byte what the reference implementation writes for the same tensors and metadata (its order of several
// metadata keys is random; here they ascend). The file appears whole or not at all.
void WriteSafetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace invar
