// The header of a safetensors file, parsed and checked; what reading and writing share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/weights/safetensors.h"

namespace invar {

inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;  // bytes, as in the reference implementation
inline constexpr std::string_view kSafetensorsMetadata = "__metadata__";

struct SafetensorsHeader {
  struct Tensor {
    std::string name, dtype;
    std::vector<uint64_t> shape;
    uint64_t begin = 0, end = 0;  // within data
  };
  std::vector<Tensor> tensors;  // ascending by name
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0;  // of the file
};

// Of a file of `size` bytes of which `read` gives any part. Afterwards the tensors' ranges cover the data without gap or
// overlap, and each range has the size that its shape and type ask for, where the type is known. Throws Error, calling
// the file `source`.
using ReadBytes = std::function<void(uint64_t offset, size_t bytes, void* to)>;
SafetensorsHeader ReadSafetensorsHeader(uint64_t size, const ReadBytes& read, const std::string& source);

}  // namespace invar
