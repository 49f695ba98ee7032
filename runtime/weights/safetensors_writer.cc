#include <algorithm>
#include <nlohmann/json.hpp>

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

// Widest types first, so that every tensor is aligned to its elements; names ascending within a type.
std::vector<const NamedTensor*> InFileOrder(const std::vector<NamedTensor>& tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return a->dtype != b->dtype ? a->dtype > b->dtype : a->name < b->name;
  });
  return order;
}

void Check(const std::vector<NamedTensor>& tensors, const std::filesystem::path& path) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : tensors) {
    const std::string who = "cannot write tensor " + Quoted(tensor.name) + " to " + path.string();
    uint64_t bytes = 0;
    if (tensor.dtype == DType::kUnknown) throw Error(who + ": its type is unknown");
    if (!TensorBytes(tensor.shape, tensor.dtype, &bytes) || bytes != tensor.data.size()) {
      throw Error(who + ": it has " + std::to_string(tensor.data.size()) + " bytes, which its shape does not have");
    }
    if (tensor.name == kSafetensorsMetadata) throw Error(who + ": the format keeps this name for itself; rename it");
    names.push_back(tensor.name);
  }
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) throw Error("cannot write two tensors " + Quoted(*twin) + " to " + path.string());
}

void WriteElements(AtomicFile& file, const NamedTensor& tensor) {
  std::byte chunk[1 << 14];  // a multiple of every element's size
  for (size_t i = 0; i < tensor.data.size(); i += sizeof(chunk)) {
    const size_t n = std::min(sizeof(chunk), tensor.data.size() - i);
    CopyLittleEndian(tensor.data.data() + i, n, DTypeSize(tensor.dtype), chunk);
    file.Write(chunk, n);
  }
}

}  // namespace

void WriteSafetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  Check(tensors, path);
  const std::vector<const NamedTensor*> order = InFileOrder(tensors);
  std::string header = "{";
  if (!metadata.empty()) {
    header += JsonString(std::string(kSafetensorsMetadata)) + ":{";
    for (const auto& [key, value] : metadata) header += JsonString(key) + ":" + JsonString(value) + ",";
    header.back() = '}';
    header += ',';
  }
  uint64_t offset = 0;
  for (const NamedTensor* tensor : order) {
    header += JsonString(tensor->name) + ":{\"dtype\":\"" + DTypeName(tensor->dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor->shape.size(); ++i) header += (i == 0 ? "" : ",") + std::to_string(tensor->shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += tensor->data.size();
    header += std::to_string(offset) + "]},";
  }
  if (header.back() == ',') header.pop_back();
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');  // data begins at a multiple of eight, as in the reference
  if (header.size() > kMaxSafetensorsHeader) {
    throw Error("cannot write " + path.string() + ": its header would be larger than readers accept; write fewer tensors");
  }
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));

  AtomicFile file(path);
  file.Write(length, sizeof(length));
  file.Write(header);
  for (const NamedTensor* tensor : order) WriteElements(file, *tensor);
  file.Commit();
}

}  // namespace invar
