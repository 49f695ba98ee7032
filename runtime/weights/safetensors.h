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
#include "runtime/weights/tensor.h"

namespace invar {

// One open file, of which only the header is in memory. Its views stay valid while the object lives, also when it is moved.
class SafetensorsFile : public WeightSource {
 public:
  static SafetensorsFile Open(const std::filesystem::path& path);
  // Of bytes that the caller keeps; messages call them `source`.
  static SafetensorsFile Parse(std::span<const std::byte> bytes, std::string source);

  const TensorView* Find(std::string_view name) const override;
  const std::vector<std::string>& names() const override { return names_; }
  std::string where() const override { return source_; }
  // Also of a type that is not known; null where there is no such tensor.
  const TensorView* Look(std::string_view name) const;
  // The type as the file writes it.
  std::string TypeName(const TensorView& tensor) const;
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
class SafetensorsCheckpoint : public WeightSource {
 public:
  SafetensorsCheckpoint() = default;
  // Reads and checks every header; throws Error with what is wrong and where.
  static SafetensorsCheckpoint Open(const std::filesystem::path& directory);

  const TensorView* Find(std::string_view name) const override;
  const std::vector<std::string>& names() const override { return names_; }
  std::string where() const override { return directory_.string(); }
  // The file that holds a tensor; null where there is no such tensor.
  const SafetensorsFile* FileOf(std::string_view name) const;
  const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  void OpenShards(const std::filesystem::path& index);

  std::filesystem::path directory_;
  std::vector<SafetensorsFile> files_;
  std::vector<std::string> names_;
  std::vector<size_t> file_of_name_;  // for each of names_, which of files_ holds it
};

struct TensorSpec {
  std::string name;
  DType dtype;
  std::vector<uint64_t> shape;
};

class AtomicFile;

// Writes a file tensor by tensor, so that no more than one need be in memory.
class SafetensorsWriter {
 public:
  // Writes the header. Throws Error for names and shapes that the format cannot hold.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                    const std::map<std::string, std::string>& metadata = {});
  ~SafetensorsWriter();

  // The tensors in the order in which their data is to be appended.
  const std::vector<TensorSpec>& order() const { return tensors_; }
  // The next bytes, row-major and little-endian.
  void Append(std::span<const std::byte> bytes);
  // Once, last. Throws Error where fewer or more bytes were appended than the tensors have.
  void Commit();

 private:
  std::filesystem::path path_;
  uint64_t left_ = 0;  // bytes to append; before tensors_, whose making counts them
  std::vector<TensorSpec> tensors_;
  std::unique_ptr<AtomicFile> file_;
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
