#include "runtime/model/weights.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/memory.h"
#include "runtime/kernels/cuts.h"
#include "runtime/kernels/selection.h"

namespace invar {
namespace {

// Of a file, read at once by one thread: larger than what a call costs, smaller than the second-level cache.
constexpr size_t kPieceBytes = size_t{1} << 18;

size_t ElementSize(invar_type type) { return type == INVAR_F32 ? 4 : 2; }

// Memory for a piece, left as it is found.
class Piece {
 public:
  explicit Piece(size_t bytes) : data_(new char[bytes]) {}
  char* get() const { return data_.get(); }

 private:
  std::unique_ptr<char[]> data_;
};

// The bits of an exponent: all set in a NaN and an infinity, and in no other.
uint32_t ExponentMask(invar_type type) {
  return type == INVAR_F32 ? 0x7F800000u : type == INVAR_BF16 ? 0x7F80u : 0x7C00u;
}

template <class Element>
Element ElementAt(const char* data, size_t i) {
  Element x;
  std::memcpy(&x, data + i * sizeof(Element), sizeof(Element));
  return x;
}

template <class Element>
size_t FirstWithAll(Element mask, const char* data, size_t count) {
  constexpr size_t kBlock = 64;  // a constant number, which compilers make vectors of
  size_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    Element found = 0;
    for (size_t j = 0; j < kBlock; ++j) {
      found = static_cast<Element>(found | ((ElementAt<Element>(data, i + j) & mask) == mask ? 1 : 0));
    }
    if (found != 0) break;
  }
  while (i < count && (ElementAt<Element>(data, i) & mask) != mask) ++i;
  return i;
}

// `count` where every element is finite.
size_t FirstNotFinite(invar_type type, const void* data, size_t count) {
  const char* bytes = static_cast<const char*>(data);
  if (type == INVAR_F32) return FirstWithAll<uint32_t>(ExponentMask(type), bytes, count);
  return FirstWithAll<uint16_t>(static_cast<uint16_t>(ExponentMask(type)), bytes, count);
}

bool IsNan(invar_type type, const void* data, size_t i) {
  const char* bytes = static_cast<const char*>(data);
  const uint32_t bits = type == INVAR_F32 ? ElementAt<uint32_t>(bytes, i) : ElementAt<uint16_t>(bytes, i);
  const uint32_t sign = type == INVAR_F32 ? 0x80000000u : 0x8000u;
  return (bits & ~sign) != ExponentMask(type);
}

// "[3, 5]", of an element by its place in what ReadElements reads.
std::string IndexText(const TensorView& tensor, uint64_t at) {
  if (tensor.layout == TensorView::Layout::kTransposed) {
    return ShapeText({at % tensor.shape[0], at / tensor.shape[0]});
  }
  const std::vector<uint64_t>& shape = tensor.shape;
  std::vector<uint64_t> index(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = at % shape[i];
    at /= shape[i];
  }
  return ShapeText(index);
}

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

const void* EmbeddingTable::row(size_t id) const {
  const char* base = static_cast<const char*>(data);
  if (!packed) return base + id * width * ElementSize(type);
  return base + (id / INVAR_PANEL * width * INVAR_PANEL + id % INVAR_PANEL) * ElementSize(type);
}

WeightLoader::WeightLoader(const WeightSource& source, std::string prefix, ThreadPool& pool, Arena& arena,
                           const PackedCache* cache)
    : source_(source), prefix_(std::move(prefix)), pool_(pool), arena_(arena), cache_(cache) {}

bool WeightLoader::Has(const std::string& name) const {
  return source_.Find(prefix_ + name) != nullptr || source_.Find(name) != nullptr;
}

std::string WeightLoader::HeadName(bool tied, const std::string& embedding) {
  const bool by_embedding = tied && (Has(embedding) || !Has("lm_head.weight"));
  if (tied && !by_embedding) tied_to_ = embedding;
  return by_embedding ? embedding : "lm_head.weight";
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
  if (!loading_) names_[name == "lm_head.weight" && !tied_to_.empty() ? tied_to_ : name] = tensor.name;
  return tensor;
}

void WeightLoader::Begin() {
  loading_ = true;
  parameters_ = 0;
  if (cache_ != nullptr) {
    if (std::optional<MappedFile> file = cache_->Map(table_, counted_, pool_)) {
      arena_.Lend(std::move(*file));
      mapped_ = true;
      return;
    }
  }
  RequireMemory(counted_, "the weights of " + source_.where() + " need",
                "use a smaller model or one stored as BF16 or F16, or give it more memory");
  arena_.Reserve(static_cast<size_t>(counted_));
}

void WeightLoader::End() {
  if (cache_ != nullptr && !mapped_) cache_->Write(table_, arena_.block(), counted_, pool_);
  CheckInterrupt();  // noted meanwhile by a program that waits for files to be whole
}

void* WeightLoader::Allocate(const TensorView& tensor, const std::string& form, uint64_t elements, size_t element) {
  const uint64_t bytes = SaturatingMultiply(elements, element);
  if (loading_) return arena_.Allocate(static_cast<size_t>(bytes));
  const uint64_t begin = Arena::Begin(counted_, bytes);
  counted_ = SaturatingAdd(begin, Arena::Rounded(bytes));
  if (cache_ != nullptr) {
    table_ += std::to_string(begin) + " " + std::to_string(bytes) + " " + form + " of " + DTypeName(tensor.dtype) + " " +
              ShapeText(tensor.shape) + " " + tensor.name + "\n";
  }
  return nullptr;
}

void WeightLoader::Read(const TensorView& tensor, uint64_t first, size_t count, void* to) const {
  const invar_type type = StorageType(tensor);
  tensor.ReadElements(first, count, to);
  const size_t at = FirstNotFinite(type, to, count);
  if (at == count) return;
  throw Error("tensor " + tensor.name + " of " + source_.where() + " holds " +
              (IsNan(type, to, at) ? "a NaN" : "an infinity") + " at " + IndexText(tensor, first + at) +
              "; the checkpoint is damaged, download or convert it again");
}

// Rows of the file become panels; a piece is a few whole panels.
void WeightLoader::Pack(const TensorView& tensor, size_t n, size_t k, char* packed) const {
  const invar_type type = StorageType(tensor);
  const size_t element = ElementSize(type), panel_bytes = k * INVAR_PANEL * element;
  const size_t panels = CeilDiv(n, INVAR_PANEL), step = std::clamp<size_t>(kPieceBytes / panel_bytes, 1, panels);
  Team team(pool_, pool_.threads());
  team.For(CeilDiv(panels, step), [&](size_t task) {
    const size_t begin = task * step, end = std::min(begin + step, panels);
    const size_t first = begin * INVAR_PANEL, rows = std::min(end * INVAR_PANEL, n) - first;
    const Piece piece(rows * k * element);
    Read(tensor, uint64_t{first} * k, rows * k, piece.get());
    invar_pack_panels(type, rows, k, piece.get(), static_cast<int64_t>(k), 1, 0, end - begin, packed + begin * panel_bytes);
  });
}

// Rows of the file go along the panels; a piece is a stretch of every panel.
void WeightLoader::PackTransposed(const TensorView& tensor, size_t n, size_t k, char* packed) const {
  const invar_type type = StorageType(tensor);
  const size_t element = ElementSize(type), step = std::clamp<size_t>(kPieceBytes / (n * element), 1, k);
  Team team(pool_, pool_.threads());
  team.For(CeilDiv(k, step), [&](size_t task) {
    const size_t begin = task * step, depth = std::min(step, k - begin);
    const Piece piece(depth * n * element);
    Read(tensor, uint64_t{begin} * n, depth * n, piece.get());
    for (size_t first = 0; first < n; first += INVAR_PANEL) {
      invar_pack_panels(type, n - first, depth, piece.get() + first * element, 1, static_cast<int64_t>(n), 0, 1,
                        packed + (first * k + begin * INVAR_PANEL) * element);
    }
  });
}

Linear WeightLoader::LoadLinear(const std::string& weight, const std::string& bias, size_t n, size_t k,
                                bool transposed) {
  const TensorView& tensor =
      Tensor(weight, transposed ? std::vector<uint64_t>{k, n} : std::vector<uint64_t>{n, k});
  Linear linear;
  linear.type = StorageType(tensor);
  linear.n = n;
  linear.k = k;
  void* packed = Allocate(tensor, transposed ? "columns in panels" : "rows in panels", invar_packed_size(n, k), ElementSize(linear.type));
  const bool by_columns = transposed != (tensor.layout == TensorView::Layout::kTransposed);
  if (reads() && by_columns) {
    PackTransposed(tensor, n, k, static_cast<char*>(packed));
  } else if (reads()) {
    Pack(tensor, n, k, static_cast<char*>(packed));
  }
  linear.packed = packed;
  if (!bias.empty()) linear.bias = LoadVector(bias, n);
  return linear;
}

const float* WeightLoader::Widen(const TensorView& tensor, size_t count) {
  const invar_type type = StorageType(tensor);
  if (tensor.layout == TensorView::Layout::kTransposed) throw Error("tensor " + tensor.name + " does not lie row by row");
  float* values = static_cast<float*>(Allocate(tensor, "binary32", count, sizeof(float)));
  if (!reads()) return values;
  const Piece piece(std::min(count * ElementSize(type), kPieceBytes));
  const size_t step = kPieceBytes / ElementSize(type);
  for (size_t begin = 0; begin < count; begin += step) {
    const size_t n = std::min(step, count - begin);
    Read(tensor, begin, n, piece.get());
    const invar_embedding_args args = {n, piece.get(), 1, nullptr, values + begin};
    Kernels::Of("").embedding[type](&args);
  }
  return values;
}

const float* WeightLoader::LoadVector(const std::string& name, size_t n) { return Widen(Tensor(name, {n}), n); }

const float* WeightLoader::LoadMatrix(const std::string& name, size_t rows, size_t columns) {
  return Widen(Tensor(name, {rows, columns}), rows * columns);
}

EmbeddingTable WeightLoader::LoadTable(const std::string& name, size_t rows, size_t width) {
  const TensorView& tensor = Tensor(name, {rows, width});
  if (tensor.layout == TensorView::Layout::kTransposed) throw Error("tensor " + tensor.name + " does not lie row by row");
  const invar_type type = StorageType(tensor);
  const size_t element = ElementSize(type), count = rows * width, step = kPieceBytes / element;
  char* table = static_cast<char*>(Allocate(tensor, "as stored", count, element));
  if (reads()) {
    Team team(pool_, pool_.threads());
    team.For(CeilDiv(count, step), [&](size_t task) {
      const size_t begin = task * step;
      Read(tensor, begin, std::min(step, count - begin), table + begin * element);
    });
  }
  return {type, table, width, false};
}

EmbeddingTable WeightLoader::TableOf(const Linear& head) { return {head.type, head.packed, static_cast<size_t>(head.k), true}; }

}  // namespace invar
