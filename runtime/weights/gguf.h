// GGUF files, as llama.cpp's converter writes them: metadata by key, and tensors.
//
// Files come from strangers. Everything is checked before anything is used: counts and lengths against the bytes that are
// there, so that no more memory is asked for than a small multiple of the file's size; types, nesting, alignment, offsets,
// names. Nothing is copied: keys, strings and arrays are views of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.h"
#include "runtime/weights/tensor.h"

namespace invar {

enum class GgufType : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

struct GgufValue {
  GgufType type = GgufType::kU8;
  GgufType element = GgufType::kU8;  // of an array
  uint64_t count = 0;                // of an array
  // A scalar's bytes, a string's text, or an array's elements one after the other (strings with their lengths).
  std::span<const std::byte> bytes;
};

struct GgufTensor {
  std::string_view name;
  uint32_t type = 0;            // ggml's number
  const char* type_name = "";   // "F32", "Q4_K"
  DType dtype = DType::kUnknown;  // kUnknown: quantised
  std::vector<uint64_t> shape;  // row-major: the slowest extent first, the reverse of how the file writes it
  uint64_t offset = 0, bytes = 0;  // where its elements lie in the file
};

// One open file, of which only the header is in memory. Views stay valid while the object lives, also when it is moved.
class GgufFile {
 public:
  static GgufFile Open(const std::filesystem::path& path);
  // Of bytes that the caller keeps; messages call them `source`.
  static GgufFile Parse(std::span<const std::byte> bytes, std::string source);

  struct Entry {
    std::string_view key;
    GgufValue value;
  };
  // Ascending by key.
  const std::vector<Entry>& metadata() const { return metadata_; }
  // Ascending by name.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  TensorView ViewOf(const GgufTensor& tensor) const;
  const std::string& source() const { return source_; }
  uint32_t version() const { return version_; }

  // Nothing, or null, where there is no such key or tensor. The getters throw Error for a value of another type.
  const GgufValue* Find(std::string_view key) const;
  const GgufTensor* FindTensor(std::string_view name) const;
  // A whole number of any width in [min, max].
  std::optional<int64_t> Integer(std::string_view key, int64_t min, int64_t max) const;
  // Finite.
  std::optional<float> Float(std::string_view key) const;
  std::optional<bool> Bool(std::string_view key) const;
  std::optional<std::string_view> String(std::string_view key) const;
  // Arrays; empty where there is none.
  std::vector<std::string_view> Strings(std::string_view key) const;
  std::vector<float> Floats(std::string_view key) const;
  std::vector<int64_t> Integers(std::string_view key) const;
  std::vector<bool> Bools(std::string_view key) const;

  // Throws: "<file>: <key> must be <wanted>, but it is <found>".
  [[noreturn]] void Reject(std::string_view key, const std::string& wanted) const;

 private:
  // The file has `size` bytes, the first of which are given.
  void Read(std::span<const std::byte> bytes, uint64_t size);

  std::shared_ptr<const FileReader> reader_;  // or else all is in memory
  std::vector<std::byte> header_;
  const std::byte* memory_ = nullptr;
  std::string source_;
  uint32_t version_ = 0;
  std::vector<Entry> metadata_;
  std::vector<GgufTensor> tensors_;
};

// The GGUF file that a model's path means: the file itself, or the one in a directory that has exactly one and no
// safetensors; nothing where the path is another directory. Throws Error for a file that is not GGUF, and where a
// directory has several.
std::optional<std::filesystem::path> GgufPath(const std::filesystem::path& path);

}  // namespace invar
