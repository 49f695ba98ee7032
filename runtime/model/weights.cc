#include "runtime/model/weights.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/base/error.h"
#include "runtime/kernels/selection.h"

namespace invar {
namespace {

size_t ElementSize(invar_type type) { return type == INVAR_F32 ? 4 : 2; }

invar_type StorageType(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF32:
      return INVAR_F32;
    case DType::kBF16:
      return INVAR_BF16;
    case DType::kF16:
      return INVAR_F16;
    default:
      throw Error("tensor " + tensor.name + " has a type that weights cannot have; F32, F16 and BF16 are understood");
  }
}

}  // namespace

void Arena::Free::operator()(void* p) const { std::free(p); }

namespace {

size_t Rounded(size_t bytes) { return std::max<size_t>(64, (bytes + 63) / 64 * 64); }

}  // namespace

void Arena::Count(size_t bytes) { bytes_ += Rounded(bytes); }

void* Arena::Allocate(size_t bytes) {
  const size_t rounded = Rounded(bytes);
  std::unique_ptr<void, Free> block(std::aligned_alloc(64, rounded));
  if (block == nullptr) throw std::bad_alloc();
  bytes_ += rounded;
  blocks_.push_back(std::move(block));
  return blocks_.back().get();
}

const void* EmbeddingTable::row(size_t id) const {
  const char* base = static_cast<const char*>(data);
  if (!packed) return base + id * width * ElementSize(type);
  return base + (id / INVAR_PANEL * width * INVAR_PANEL + id % INVAR_PANEL) * ElementSize(type);
}

WeightLoader::WeightLoader(const WeightSource& source, std::string prefix, ThreadPool& pool, Arena& arena, bool plan)
    : source_(source), prefix_(std::move(prefix)), pool_(pool), arena_(arena), plan_(plan) {}

bool WeightLoader::Has(const std::string& name) const {
  return source_.Find(prefix_ + name) != nullptr || source_.Find(name) != nullptr;
}

const TensorView& WeightLoader::Tensor(const std::string& name) const {
  const TensorView* tensor = source_.Find(prefix_ + name);
  if (tensor == nullptr) tensor = source_.Find(name);
  if (tensor == nullptr) {
    throw Error("the checkpoint " + source_.where() + " has no tensor " + name + " (nor " + prefix_ +
                name + "); it is incomplete, or config.json describes another model");
  }
  return *tensor;
}

const TensorView& WeightLoader::Tensor(const std::string& name, const std::vector<uint64_t>& shape) {
  const TensorView& tensor = Tensor(name);
  if (tensor.shape != shape) {
    throw Error("tensor " + tensor.name + " of " + source_.where() + " has shape " +
                ShapeText(tensor.shape) + " where config.json asks for " + ShapeText(shape));
  }
  uint64_t count = 1;
  for (const uint64_t extent : shape) count *= extent;
  parameters_ += count;
  return tensor;
}

Linear WeightLoader::LoadLinear(const std::string& weight, const std::string& bias, size_t n, size_t k,
                                bool transposed) {
  const TensorView& tensor =
      Tensor(weight, transposed ? std::vector<uint64_t>{k, n} : std::vector<uint64_t>{n, k});
  Linear linear;
  linear.type = StorageType(tensor);
  linear.n = n;
  linear.k = k;
  const size_t bytes = invar_packed_size(n, k) * ElementSize(linear.type);
  if (plan_) {
    arena_.Count(bytes);
    if (!bias.empty()) LoadVector(bias, n);
    return linear;
  }
  void* packed = arena_.Allocate(bytes);
  // Packing reads by strides, so a transposed tensor costs nothing; rows that lie in pairs are put in order first.
  std::vector<std::byte> ordered;
  const std::byte* data = tensor.data;
  if (tensor.layout == TensorView::Layout::kPairedRows) {
    ordered.resize(tensor.bytes);
    tensor.CopyTo(ordered.data());
    data = ordered.data();
  }
  const bool by_columns = transposed != (tensor.layout == TensorView::Layout::kTransposed);
  const int64_t row_stride = by_columns ? 1 : static_cast<int64_t>(k);
  const int64_t column_stride = by_columns ? static_cast<int64_t>(n) : 1;
  const size_t panels = (n + INVAR_PANEL - 1) / INVAR_PANEL;
  constexpr size_t kPanelsPerTask = 8;
  Team team(pool_, pool_.threads());
  team.For((panels + kPanelsPerTask - 1) / kPanelsPerTask, [&](size_t task) {
    const size_t begin = task * kPanelsPerTask;
    invar_pack_panels(linear.type, n, k, data, row_stride, column_stride, begin,
                      std::min(begin + kPanelsPerTask, panels), packed);
  });
  linear.packed = packed;
  if (!bias.empty()) linear.bias = LoadVector(bias, n);
  return linear;
}

const float* WeightLoader::Widen(const TensorView& tensor, size_t count) {
  const invar_type type = StorageType(tensor);
  if (plan_) {
    arena_.Count(count * sizeof(float));
    return nullptr;
  }
  float* values = static_cast<float*>(arena_.Allocate(count * sizeof(float)));
  std::vector<std::byte> ordered;
  const std::byte* data = tensor.data;
  if (tensor.layout != TensorView::Layout::kRowMajor) {
    ordered.resize(tensor.bytes);
    tensor.CopyTo(ordered.data());
    data = ordered.data();
  }
  const invar_embedding_args args = {count, data, 1, nullptr, values};
  Kernels::Of("").embedding[type](&args);
  return values;
}

const float* WeightLoader::LoadVector(const std::string& name, size_t n) { return Widen(Tensor(name, {n}), n); }

const float* WeightLoader::LoadMatrix(const std::string& name, size_t rows, size_t columns) {
  return Widen(Tensor(name, {rows, columns}), rows * columns);
}

EmbeddingTable WeightLoader::MapTable(const std::string& name, size_t rows, size_t width) {
  const TensorView& tensor = Tensor(name, {rows, width});
  if (tensor.layout != TensorView::Layout::kRowMajor) throw Error("tensor " + tensor.name + " does not lie row by row");
  mapped_bytes_ += tensor.bytes;
  return {StorageType(tensor), tensor.data, width, false};
}

EmbeddingTable WeightLoader::TableOf(const Linear& head) { return {head.type, head.packed, head.k, true}; }

}  // namespace invar
