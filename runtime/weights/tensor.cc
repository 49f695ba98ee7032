#include "runtime/weights/tensor.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar {
namespace {

struct DTypeRow {
  const char* name;
  size_t size;
};
constexpr DTypeRow kDTypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2}, {"F16", 2}, {"BF16", 2},
                                {"I32", 4},  {"U32", 4}, {"F32", 4}, {"F64", 8}, {"I64", 8}, {"U64", 8}};

}  // namespace

const char* DTypeName(DType dtype) {
  return dtype == DType::kUnknown ? "unknown" : kDTypes[static_cast<size_t>(dtype)].name;
}

size_t DTypeSize(DType dtype) { return dtype == DType::kUnknown ? 0 : kDTypes[static_cast<size_t>(dtype)].size; }

DType DTypeOf(std::string_view name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (name == kDTypes[i].name) return static_cast<DType>(i);
  }
  return DType::kUnknown;
}

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

bool TensorBytes(const std::vector<uint64_t>& shape, DType dtype, uint64_t* bytes) {
  *bytes = DTypeSize(dtype);
  for (const uint64_t extent : shape) {
    if (extent != 0 && *bytes > UINT64_MAX / extent) return false;
    *bytes *= extent;
  }
  return true;
}

void CopyLittleEndian(const std::byte* from, size_t bytes, size_t element, void* to) {
  if (bytes == 0) return;  // pointers may be null
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, from, bytes);
  } else {
    std::byte* out = static_cast<std::byte*>(to);
    for (size_t i = 0; i < bytes; i += element) std::reverse_copy(from + i, from + i + element, out + i);
  }
}

void TensorView::CopyTo(void* to) const {
  const size_t element = DTypeSize(dtype);
  std::byte* out = static_cast<std::byte*>(to);
  if (bytes == 0 || layout == Layout::kRowMajor) return CopyLittleEndian(data, bytes, element, to);
  if (layout == Layout::kTransposed) {
    const size_t rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) {
        CopyLittleEndian(data + (c * rows + r) * element, element, element, out + (r * columns + c) * element);
      }
    }
    return;
  }
  const size_t rows = static_cast<size_t>(shape[0]), row = bytes / rows, each = static_cast<size_t>(group), half = each / 2;
  for (size_t r = 0; r < rows; ++r) {
    const size_t within = r % each, stored = r - within + within % half * 2 + within / half;
    CopyLittleEndian(data + stored * row, row, element, out + r * row);
  }
}

const TensorView& WeightSource::Get(std::string_view name) const {
  const TensorView* tensor = Find(name);
  if (tensor == nullptr) {
    throw Error(where() + " has no tensor " + Quoted(name) + "; it is incomplete, or belongs to another kind of model");
  }
  return *tensor;
}

bool WeightSource::Has(std::string_view name) const {
  const std::vector<std::string>& all = names();
  return std::binary_search(all.begin(), all.end(), name);
}

}  // namespace invar
