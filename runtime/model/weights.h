// A checkpoint's tensors as the kernels want them: projections packed once into panels, parameters widened, embedding
// tables as they are. They are read piece by piece, so that beside them next to no memory is needed, and nothing of the
// file is needed once they are loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/kernels/thread_pool.h"
#include "runtime/model/arena.h"
#include "runtime/model/packed_cache.h"
#include "runtime/weights/tensor.h"

namespace invar {

// Rows to look up by id: of a table, or columns of packed panels where the head is tied.
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
//
// A model asks for all its tensors twice. The first time they are only looked for and counted, and what is returned has
// null for its data: a tensor that is missing or misshapen, and memory that is not there, are told before anything is
// read. After Begin they are loaded, or lie in a file of packed weights already; End keeps such a file. A NaN or an infinity in a tensor is an Error that names it: nothing that the tensor
// takes part in would mean anything.
class WeightLoader {
 public:
  // Names are looked up as prefix + name, then as name alone.
  // cache: null, or where packed weights are kept.
  WeightLoader(const WeightSource& source, std::string prefix, ThreadPool& pool, Arena& arena, const PackedCache* cache);

  // Throws Error where there is too little memory for what has been asked for; from now on tensors are loaded.
  void Begin();
  // Once all tensors are loaded.
  void End();

  bool Has(const std::string& name) const;
  // The tensor that the head multiplies by. Tied, it is the embedding, under whichever of its two names the checkpoint has
  // it: some converters kept the head's alone.
  std::string HeadName(bool tied, const std::string& embedding);

  // w[n][k], or w[k][n] where `transposed` (GPT-2's Conv1D). `bias` may be empty: none.
  Linear LoadLinear(const std::string& weight, const std::string& bias, size_t n, size_t k, bool transposed);

  // A vector of n parameters, widened to binary32.
  const float* LoadVector(const std::string& name, size_t n);
  // A matrix [rows][columns] of parameters, widened to binary32.
  const float* LoadMatrix(const std::string& name, size_t rows, size_t columns);

  // A table in the type it is stored in.
  EmbeddingTable LoadTable(const std::string& name, size_t rows, size_t width);
  // The same table seen through the packed panels of the head that is tied to it.
  static EmbeddingTable TableOf(const Linear& head);

  size_t parameters() const { return parameters_; }
  // Every tensor asked for before Begin: the name that a checkpoint without the prefix would have it by (a tied head is the
  // embedding), and the source's.
  const std::map<std::string, std::string>& names() const { return names_; }
  // Of memory, asked for before Begin.
  uint64_t bytes() const { return counted_; }

 private:
  const TensorView& Tensor(const std::string& name) const;
  const TensorView& Tensor(const std::string& name, const std::vector<uint64_t>& shape);
  const float* Widen(const TensorView& tensor, size_t count);
  // `form`: how the elements lie.
  void* Allocate(const TensorView& tensor, const std::string& form, uint64_t elements, size_t element);
  bool reads() const { return loading_ && !mapped_; }
  // Reads elements [first, first + count) and checks them.
  void Read(const TensorView& tensor, uint64_t first, size_t count, void* to) const;
  void Pack(const TensorView& tensor, size_t n, size_t k, char* packed) const;
  void PackTransposed(const TensorView& tensor, size_t n, size_t k, char* packed) const;

  const WeightSource& source_;
  std::string prefix_;
  ThreadPool& pool_;
  Arena& arena_;
  const PackedCache* cache_;
  bool loading_ = false;
  bool mapped_ = false;   // what is allocated is there already
  std::string table_;     // what is allocated where, a line each
  uint64_t counted_ = 0;  // bytes asked for
  size_t parameters_ = 0;
  std::map<std::string, std::string> names_;
  std::string tied_to_;  // the embedding's name, where a tied head stands under its own
};

}  // namespace invar
