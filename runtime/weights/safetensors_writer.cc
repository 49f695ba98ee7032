#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/safetensors_header.h"

namespace invar {
namespace {

std::string JsonString(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error("cannot write " + Quoted(text) + " to a safetensors file: it is not valid UTF-8; rename it");
  }
}

// Checked, and in the file's order: widest types first, so that every tensor is aligned to its elements; names ascending
// within a type.
std::vector<TensorSpec> InFileOrder(std::vector<TensorSpec> tensors, const std::filesystem::path& path, uint64_t* bytes) {
  std::vector<std::string> names;
  *bytes = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::string who = "cannot write tensor " + Quoted(tensor.name) + " to " + path.string();
    uint64_t size = 0;
    if (tensor.dtype == DType::kUnknown) throw Error(who + ": its type is unknown");
    if (!TensorBytes(tensor.shape, tensor.dtype, &size) || size > UINT64_MAX - *bytes) {
      throw Error(who + ": its shape " + ShapeText(tensor.shape) + " has more bytes than a file can");
    }
    if (tensor.name == kSafetensorsMetadata) throw Error(who + ": the format keeps this name for itself; rename it");
    *bytes += size;
    names.push_back(tensor.name);
  }
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) throw Error("cannot write two tensors " + Quoted(*twin) + " to " + path.string());
  std::sort(tensors.begin(), tensors.end(), [](const TensorSpec& a, const TensorSpec& b) {
    return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
  });
  return tensors;
}

std::string HeaderOf(const std::vector<TensorSpec>& tensors, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) {
    header += JsonString(std::string(kSafetensorsMetadata)) + ":{";
    for (const auto& [key, value] : metadata) header += JsonString(key) + ":" + JsonString(value) + ",";
    header.back() = '}';
    header += ',';
  }
  uint64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    header += JsonString(tensor.name) + ":{\"dtype\":\"" + DTypeName(tensor.dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i) header += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    uint64_t bytes = 0;
    TensorBytes(tensor.shape, tensor.dtype, &bytes);
    offset += bytes;
    header += std::to_string(offset) + "]},";
  }
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');  // data begins at a multiple of eight, as in the reference
  return header;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : path_(path), tensors_(InFileOrder(std::move(tensors), path, &left_)) {
  const std::string header = HeaderOf(tensors_, metadata);
  if (header.size() > kMaxSafetensorsHeader) {
    throw Error("cannot write " + path.string() + ": its header would be larger than readers accept; write fewer tensors");
  }
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  file_ = std::make_unique<AtomicFile>(path);
  file_->Write(length, sizeof(length));
  file_->Write(header);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::Append(std::span<const std::byte> bytes) {
  if (bytes.size() > left_) throw Error("cannot write " + path_.string() + ": there are more bytes than its tensors have");
  left_ -= bytes.size();
  file_->Write(bytes.data(), bytes.size());
}

void SafetensorsWriter::Commit() {
  if (left_ != 0) throw Error("cannot write " + path_.string() + ": " + std::to_string(left_) + " bytes of its tensors are missing");
  file_->Commit();
}

void WriteSafetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<TensorSpec> specs;
  std::map<std::string, const NamedTensor*> by_name;
  for (const NamedTensor& tensor : tensors) {
    uint64_t bytes = 0;
    if (tensor.dtype != DType::kUnknown &&
        (!TensorBytes(tensor.shape, tensor.dtype, &bytes) || bytes != tensor.data.size())) {
      throw Error("cannot write tensor " + Quoted(tensor.name) + " to " + path.string() + ": it has " +
                  std::to_string(tensor.data.size()) + " bytes, which its shape does not have");
    }
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
    by_name[tensor.name] = &tensor;
  }
  SafetensorsWriter writer(path, std::move(specs), metadata);
  for (const TensorSpec& spec : writer.order()) {
    const std::span<const std::byte> data = by_name[spec.name]->data;
    std::byte chunk[1 << 14];  // a multiple of every element's size
    for (size_t i = 0; i < data.size(); i += sizeof(chunk)) {
      const size_t n = std::min(sizeof(chunk), data.size() - i);
      CopyLittleEndian(data.data() + i, n, DTypeSize(spec.dtype), chunk);
      writer.Append({chunk, n});
    }
  }
  writer.Commit();
}

}  // namespace invar
