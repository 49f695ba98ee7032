// A checkpoint's tensors as the kernels want them: projections packed once into panels, parameters widened, and
// embedding tables that are read where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/kernels/thread_pool.h"
#include "runtime/weights/tensor.h"

namespace invar {

// Memory that a model owns, aligned to cache lines.
class Arena {
 public:
  void* Allocate(size_t bytes);
  // Counts bytes that are not allocated.
  void Count(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* p) const;
  };
  std::vector<std::unique_ptr<void, Free>> blocks_;
  size_t bytes_ = 0;
};

// Rows to look up by id: rows of the checkpoint's mapped file, or columns of packed panels where the head is tied.
struct EmbeddingTable {
  invar_type type = INVAR_F32;
  const void* data = nullptr;
  size_t width = 0;
  bool packed = false;

  // The first element of row `id`, and the step between its elements.
  const void* row(size_t id) const;
  int64_t element_stride() const { return packed ? INVAR_PANEL : 1; }
};

// Finds tensors by name, checks type and shape, packs and widens.
class WeightLoader {
 public:
  // Names are looked up as prefix + name, then as name alone. With `plan` tensors are checked and bytes counted, but
  // nothing is read, and pointers are null.
  WeightLoader(const WeightSource& source, std::string prefix, ThreadPool& pool, Arena& arena, bool plan = false);

  bool Has(const std::string& name) const;

  // w[n][k], or w[k][n] where `transposed` (GPT-2's Conv1D). `bias` may be empty: none.
  Linear LoadLinear(const std::string& weight, const std::string& bias, size_t n, size_t k, bool transposed);

  // A vector of n parameters, widened to binary32.
  const float* LoadVector(const std::string& name, size_t n);
  // A matrix [rows][columns] of parameters, widened to binary32.
  const float* LoadMatrix(const std::string& name, size_t rows, size_t columns);

  // A table left where it lies in the mapped file, which must outlive it.
  EmbeddingTable MapTable(const std::string& name, size_t rows, size_t width);
  // The same table seen through the packed panels of the head that is tied to it.
  static EmbeddingTable TableOf(const Linear& head);

  size_t parameters() const { return parameters_; }
  // Bytes of tables left in the mapped file.
  size_t mapped_bytes() const { return mapped_bytes_; }

 private:
  const TensorView& Tensor(const std::string& name) const;
  const TensorView& Tensor(const std::string& name, const std::vector<uint64_t>& shape);
  const float* Widen(const TensorView& tensor, size_t count);

  const WeightSource& source_;
  std::string prefix_;
  ThreadPool& pool_;
  Arena& arena_;
  bool plan_;
  size_t parameters_ = 0, mapped_bytes_ = 0;
};

}  // namespace invar
