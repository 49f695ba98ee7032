// One stored tensor, and where tensors come from: what every format of weights has in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.h"

namespace invar {

// Ascending as safetensors' reference implementation orders them, which decides where a tensor lies in a file that we write.
enum class DType { kBool, kU8, kI8, kI16, kU16, kF16, kBF16, kI32, kU32, kF32, kF64, kI64, kU64, kUnknown };

const char* DTypeName(DType dtype);
// kUnknown where the name is none of ours.
DType DTypeOf(std::string_view name);
// Bytes of one element; 0 for kUnknown.
size_t DTypeSize(DType dtype);
// "[2, 3]", for messages.
std::string ShapeText(const std::vector<uint64_t>& shape);
// Bytes of a tensor; false where they do not fit 64 bits.
bool TensorBytes(const std::vector<uint64_t>& shape, DType dtype, uint64_t* bytes);
// Copies elements of `element` bytes between the file's byte order and the machine's, in either direction.
void CopyLittleEndian(const std::byte* from, size_t bytes, size_t element, void* to);

struct TensorView {
  enum class Layout {
    kRowMajor,
    kTransposed,   // a matrix [a, b] lies as [b][a]
    kPairedRows,   // in each group of rows, row i and row i + group / 2 lie next to each other (rotary pairs in GGUF)
  };

  std::string name;
  DType dtype = DType::kUnknown;
  std::vector<uint64_t> shape;
  uint64_t bytes = 0;
  // Where the elements lie, little-endian whatever the machine: at `offset` of a file, or in memory.
  const FileReader* file = nullptr;
  uint64_t offset = 0;
  const std::byte* data = nullptr;
  Layout layout = Layout::kRowMajor;
  uint64_t group = 0;  // of kPairedRows: rows of a group, even; the first extent is a multiple of it

  uint64_t elements() const { return bytes / DTypeSize(dtype); }
  // Copies bytes [begin, begin + count) as they lie there. Throws Error where the file has become shorter.
  void Read(uint64_t begin, size_t count, void* to) const;
  // Copies elements [first, first + count) in the machine's own byte order: of the matrix as it lies where it is
  // kTransposed, row-major otherwise.
  void ReadElements(uint64_t first, size_t count, void* to) const;
  // Copies all elements row-major in the machine's own byte order; `to` has room for `bytes` bytes.
  void CopyTo(void* to) const;
};

// Tensors by name. What it gives stays valid while it lives.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // Null where there is no such tensor. Throws Error where it is of a type that this version does not know.
  virtual const TensorView* Find(std::string_view name) const = 0;
  // Ascending.
  virtual const std::vector<std::string>& names() const = 0;
  // What messages call it: a file or a directory.
  virtual std::string where() const = 0;

  // As Find, but a tensor that is missing is an Error.
  const TensorView& Get(std::string_view name) const;
  bool Has(std::string_view name) const;
};

}  // namespace invar
