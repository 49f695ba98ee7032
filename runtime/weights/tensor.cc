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

namespace {

// Elements as they were read become the machine's.
void FromLittleEndian(void* data, size_t bytes, size_t element) {
  if constexpr (std::endian::native != std::endian::little) {
    std::byte* at = static_cast<std::byte*>(data);
    for (size_t i = 0; i < bytes; i += element) std::reverse(at + i, at + i + element);
  }
  (void)data, (void)bytes, (void)element;
}

}  // namespace

void TensorView::Read(uint64_t begin, size_t count, void* to) const {
  if (count == 0) return;  // pointers may be null
  if (begin > bytes || count > bytes - begin) throw Error("a read beyond the end of tensor " + Quoted(name));
  if (file != nullptr) {
    file->ReadAt(offset + begin, count, to);
  } else {
    std::memcpy(to, data + begin, count);
  }
}

void TensorView::ReadElements(uint64_t first, size_t count, void* to) const {
  if (count == 0) return;
  const size_t element = DTypeSize(dtype);
  if (layout != Layout::kPairedRows) {
    Read(first * element, count * element, to);
  } else {
    // Row by row: neighbours lie half a group apart, or next to each other.
    const uint64_t row = elements() / shape[0], half = group / 2;
    std::byte* out = static_cast<std::byte*>(to);
    for (size_t done = 0; done < count;) {
      const uint64_t at = first + done, r = at / row, column = at % row, within = r % group;
      const uint64_t stored = r - within + within % half * 2 + within / half;
      const size_t part = static_cast<size_t>(std::min<uint64_t>(row - column, count - done));
      Read((stored * row + column) * element, part * element, out + done * element);
      done += part;
    }
  }
  FromLittleEndian(to, count * element, element);
}

void TensorView::CopyTo(void* to) const {
  const size_t count = bytes == 0 ? 0 : static_cast<size_t>(elements());
  if (count == 0 || layout != Layout::kTransposed) return ReadElements(0, count, to);
  const size_t element = DTypeSize(dtype), rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
  std::vector<std::byte> stored(static_cast<size_t>(bytes));
  ReadElements(0, count, stored.data());
  std::byte* out = static_cast<std::byte*>(to);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) {
      std::memcpy(out + (r * columns + c) * element, stored.data() + (c * rows + r) * element, element);
    }
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
