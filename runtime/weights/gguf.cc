#include "runtime/weights/gguf.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/bits.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/weights/gguf_types.h"

namespace invar {
namespace {

constexpr uint64_t kMaxName = 65535;  // bytes, of a key or a tensor's name
constexpr uint32_t kMaxGgufDimensions = 4;
// Read at first: the header of all but models with the largest vocabularies.
constexpr uint64_t kFirstPrefix = 4 << 20;
constexpr uint64_t kLargestHeader = 1 << 30;
constexpr int kMaxNesting = 4;  // arrays within arrays
constexpr const char* kDownload = "; it is damaged or incomplete, download or convert it again";

// Bytes of a scalar; 0 for strings and arrays, and for numbers that are no type.
size_t ScalarSize(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    default:
      return 0;
  }
}

const char* TypeName(GgufType type) {
  static constexpr const char* kNames[] = {"u8",   "i8",     "u16",      "i16", "u32", "i32", "f32",
                                           "bool", "string", "an array", "u64", "i64", "f64"};
  return kNames[static_cast<size_t>(type)];
}

uint64_t LittleEndian(const std::byte* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
  return value;
}

// More of the file is needed than was read so far.
struct BeyondPrefix {
  uint64_t needed;  // bytes
};

// Takes a file of `size` bytes, of which the first are here, from its beginning, and never more than there is.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, uint64_t size, const std::string& source)
      : bytes_(bytes), size_(size), source_(source) {}

  size_t offset() const { return at_; }
  uint64_t left() const { return size_ - at_; }

  std::span<const std::byte> Take(uint64_t count, const std::string& what) {
    if (count > left()) throw Error(source_ + " ends within " + what + kDownload);
    if (count > bytes_.size() - at_) throw BeyondPrefix{at_ + count};
    const std::span<const std::byte> taken = bytes_.subspan(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }
  uint32_t U32(const std::string& what) { return static_cast<uint32_t>(LittleEndian(Take(4, what).data(), 4)); }
  uint64_t U64(const std::string& what) { return LittleEndian(Take(8, what).data(), 8); }
  std::string_view Text(const std::string& what, uint64_t limit = UINT64_MAX) {
    const uint64_t length = U64(what);
    if (length > limit) {
      throw Error(source_ + " claims " + std::to_string(length) + " bytes for " + what + kDownload);
    }
    const std::span<const std::byte> text = Take(length, what);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  // That many things of at least `each` bytes must still fit: a count that lies is noticed before memory is asked for.
  void Expect(uint64_t count, uint64_t each, const std::string& what) {
    if (count > left() / each) {
      throw Error(source_ + " claims " + std::to_string(count) + " " + what + ", more than its bytes can hold" + kDownload);
    }
  }
  GgufType Type(const std::string& what) {
    const uint32_t type = U32(what);
    if (type > static_cast<uint32_t>(GgufType::kF64)) {
      throw Error(source_ + ": " + what + " has the type " + std::to_string(type) + ", which GGUF does not know" + kDownload);
    }
    return static_cast<GgufType>(type);
  }

  GgufValue Value(GgufType type, const std::string& what, int depth = 0) {
    GgufValue value;
    value.type = type;
    if (type == GgufType::kString) {
      const std::string_view text = Text(what);
      value.bytes = std::as_bytes(std::span(text));
    } else if (type == GgufType::kArray) {
      if (depth == kMaxNesting) {
        throw Error(source_ + ": " + what + " nests arrays deeper than " + std::to_string(kMaxNesting) + " levels" + kDownload);
      }
      value.element = Type(what);
      value.count = U64(what);
      const size_t begin = at_, scalar = ScalarSize(value.element);
      if (scalar > 0) {
        Expect(value.count, scalar, "elements of " + what);
        CheckBools(value.element, Take(value.count * scalar, what), what);
      } else {
        Expect(value.count, value.element == GgufType::kString ? 8 : 12, "elements of " + what);
        for (uint64_t i = 0; i < value.count; ++i) Value(value.element, what, depth + 1);
      }
      value.bytes = bytes_.subspan(begin, at_ - begin);
    } else {
      value.bytes = Take(ScalarSize(type), what);
      CheckBools(type, value.bytes, what);
    }
    return value;
  }

 private:
  void CheckBools(GgufType type, std::span<const std::byte> bytes, const std::string& what) {
    if (type != GgufType::kBool) return;
    for (const std::byte b : bytes) {
      if (std::to_integer<int>(b) > 1) throw Error(source_ + ": " + what + " has a bool that is neither 0 nor 1" + kDownload);
    }
  }

  std::span<const std::byte> bytes_;
  uint64_t size_;
  const std::string& source_;
  size_t at_ = 0;
};

struct Header {
  uint32_t version;
  uint64_t tensors, entries;
};

Header ReadHeader(Cursor& cursor, const std::string& source) {
  const std::string what = "its header";
  const std::span<const std::byte> magic = cursor.Take(std::min<uint64_t>(4, cursor.left()), what);
  const std::string not_one = source + " is not a GGUF file: it does not begin with GGUF; name one, or a checkpoint directory";
  if (magic.size() < 4) throw Error(not_one);
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    if (std::memcmp(magic.data(), "FUGG", 4) == 0) {
      throw Error(source + " is a big-endian GGUF file, which is not supported; convert the model again for little-endian machines");
    }
    if (std::memcmp(magic.data(), "vers", 4) == 0) {
      throw Error(source + " is a Git LFS pointer and not the weights; fetch them with git lfs pull");
    }
    throw Error(not_one);
  }
  Header header = {};
  header.version = cursor.U32(what);
  if ((header.version & 0xFFFF) == 0 && header.version != 0) {
    throw Error(source + " is a big-endian GGUF file, which is not supported; convert the model again for little-endian machines");
  }
  if (header.version != 2 && header.version != 3) {
    throw Error(source + " is of GGUF version " + std::to_string(header.version) +
                ", of which nothing is known; versions 2 and 3 are read: convert the model again");
  }
  header.tensors = cursor.U64(what);
  header.entries = cursor.U64(what);
  return header;
}

// A tensor as the file lists it; its data is set once the data's place is known.
struct Listed {
  GgufTensor tensor;
  uint64_t offset;  // within the data
};

Listed ReadTensor(Cursor& cursor, const std::string& source) {
  Listed listed = {};
  GgufTensor& tensor = listed.tensor;
  tensor.name = cursor.Text("the name of a tensor", kMaxName);
  const std::string who = "tensor " + Quoted(tensor.name);
  if (tensor.name.empty()) throw Error(source + " has a tensor without a name" + kDownload);
  const uint32_t dimensions = cursor.U32(who);
  if (dimensions > kMaxGgufDimensions) {
    throw Error(who + " of " + source + " has " + std::to_string(dimensions) + " dimensions where at most " +
                std::to_string(kMaxGgufDimensions) + " are allowed" + kDownload);
  }
  for (uint32_t i = 0; i < dimensions; ++i) tensor.shape.push_back(cursor.U64(who));
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  tensor.type = cursor.U32(who);
  listed.offset = cursor.U64(who);
  const GgmlType* type = GgmlTypeOf(tensor.type);
  if (type == nullptr) {
    throw Error(who + " of " + source + " has the type " + std::to_string(tensor.type) +
                ", which is not known; use a file stored as F32, F16 or BF16");
  }
  tensor.type_name = type->name;
  tensor.dtype = type->dtype;
  const uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % type->block != 0) {
    throw Error(who + " of " + source + " has rows of " + std::to_string(row) + " elements, which the type " + type->name +
                " cannot store" + kDownload);
  }
  // Blocks of a row times the other extents times bytes of a block, each product checked.
  uint64_t bytes = type->bytes;
  bool fits = true;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const uint64_t extent = i + 1 == tensor.shape.size() ? row / type->block : tensor.shape[i];
    if (extent != 0 && bytes > UINT64_MAX / 2 / extent) fits = false;
    bytes = fits ? bytes * extent : 0;
  }
  if (!fits) throw Error(who + " of " + source + " has the shape " + ShapeText(tensor.shape) + ", which overflows" + kDownload);
  tensor.bytes = bytes;
  return listed;
}

uint64_t AlignUp(uint64_t offset, uint64_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

// Each tensor begins at the first aligned offset after the one before it, as every writer places them.
void PlaceTensors(std::vector<Listed>& listed, uint64_t begin, uint64_t size, uint64_t alignment, const std::string& source) {
  std::sort(listed.begin(), listed.end(), [](const Listed& a, const Listed& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.tensor.bytes < b.tensor.bytes;
  });
  uint64_t end = 0;
  for (Listed& l : listed) {
    const std::string who = "tensor " + Quoted(l.tensor.name) + " of " + source;
    const uint64_t expected = AlignUp(end, alignment);
    if (l.offset % alignment != 0) {
      throw Error(who + " begins at byte " + std::to_string(l.offset) + " of the data, which is no multiple of the alignment " +
                  std::to_string(alignment) + kDownload);
    }
    if (l.offset != expected) {
      throw Error(who + (l.offset < expected ? " overlaps the tensor before it" : " leaves a gap before it") + kDownload);
    }
    if (l.offset > size || l.tensor.bytes > size - l.offset) {
      throw Error(who + " needs " + std::to_string(l.tensor.bytes) + " bytes from byte " + std::to_string(l.offset) +
                  " of the data, but the file holds only " + std::to_string(size) + kDownload);
    }
    l.tensor.offset = begin + l.offset;
    end = l.offset + l.tensor.bytes;
  }
  if (size > AlignUp(end, alignment)) {
    throw Error(source + " has " + std::to_string(size - end) + " bytes after its last tensor" + kDownload);
  }
}

template <class Row, class Name>
const Row* FindIn(const std::vector<Row>& rows, std::string_view name, Name name_of) {
  const auto it = std::lower_bound(rows.begin(), rows.end(), name,
                                   [&](const Row& row, std::string_view n) { return name_of(row) < n; });
  return it != rows.end() && name_of(*it) == name ? &*it : nullptr;
}

bool IsInteger(GgufType type) {
  return ScalarSize(type) > 0 && type != GgufType::kBool && type != GgufType::kF32 && type != GgufType::kF64;
}

// False where a u64 is beyond int64.
bool IntegerOf(GgufType type, const std::byte* bytes, int64_t* value) {
  const size_t size = ScalarSize(type);
  const uint64_t raw = LittleEndian(bytes, size);
  const bool is_signed = type == GgufType::kI8 || type == GgufType::kI16 || type == GgufType::kI32 || type == GgufType::kI64;
  const unsigned shift = static_cast<unsigned>(64 - 8 * size);
  *value = is_signed ? static_cast<int64_t>(raw << shift) >> shift : static_cast<int64_t>(raw);
  return is_signed || raw <= static_cast<uint64_t>(INT64_MAX);
}

float FloatOf(const std::byte* bytes) { return BitCast<float>(static_cast<uint32_t>(LittleEndian(bytes, 4))); }

}  // namespace

GgufFile GgufFile::Open(const std::filesystem::path& path) {
  GgufFile file;
  file.source_ = path.string();
  file.reader_ = FileReader::Open(path);
  for (uint64_t prefix = kFirstPrefix;;) {
    file.header_.resize(static_cast<size_t>(std::min(prefix, file.reader_->size())));
    file.reader_->ReadAt(0, file.header_.size(), file.header_.data());
    try {
      file.Read(file.header_, file.reader_->size());
      return file;
    } catch (const BeyondPrefix& beyond) {
      if (beyond.needed > kLargestHeader) {
        throw Error(file.source_ + " has a header of more than " + std::to_string(kLargestHeader) + " bytes" + kDownload);
      }
      prefix = std::max(2 * prefix, beyond.needed);
    }
  }
}

GgufFile GgufFile::Parse(std::span<const std::byte> bytes, std::string source) {
  GgufFile file;
  file.source_ = std::move(source);
  file.memory_ = bytes.data();
  file.Read(bytes, bytes.size());
  return file;
}

TensorView GgufFile::ViewOf(const GgufTensor& tensor) const {
  TensorView view;
  view.name = tensor.name;
  view.dtype = tensor.dtype;
  view.shape = tensor.shape;
  view.bytes = tensor.bytes;
  view.file = reader_.get();
  view.offset = tensor.offset;
  if (memory_ != nullptr) view.data = memory_ + tensor.offset;
  return view;
}

void GgufFile::Read(std::span<const std::byte> bytes, uint64_t size) {
  metadata_.clear();
  tensors_.clear();
  Cursor cursor(bytes, size, source_);
  const Header header = ReadHeader(cursor, source_);
  version_ = header.version;
  cursor.Expect(header.entries, 8 + 4 + 1, "metadata keys");
  for (uint64_t i = 0; i < header.entries; ++i) {
    Entry entry;
    entry.key = cursor.Text("a metadata key", kMaxName);
    if (entry.key.empty()) throw Error(source_ + " has metadata without a key" + kDownload);
    const std::string what = "the metadata " + Quoted(entry.key);
    entry.value = cursor.Value(cursor.Type(what), what);
    metadata_.push_back(entry);
  }
  std::sort(metadata_.begin(), metadata_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  const auto twin = std::adjacent_find(metadata_.begin(), metadata_.end(),
                                       [](const Entry& a, const Entry& b) { return a.key == b.key; });
  if (twin != metadata_.end()) throw Error(source_ + " has the metadata " + Quoted(twin->key) + " twice" + kDownload);
  const uint64_t alignment = static_cast<uint64_t>(Integer("general.alignment", 1, INT64_C(1) << 31).value_or(32));
  if ((alignment & (alignment - 1)) != 0) Reject("general.alignment", "a power of two");
  if (Integer("split.count", 0, UINT16_MAX).value_or(0) > 1) {
    throw Error(source_ + " is one of " + std::to_string(*Integer("split.count", 0, UINT16_MAX)) +
                " parts of a model; merge them into one file with llama.cpp's llama-gguf-split --merge");
  }

  cursor.Expect(header.tensors, 8 + 4 + 4 + 8, "tensors");
  std::vector<Listed> listed;
  for (uint64_t i = 0; i < header.tensors; ++i) listed.push_back(ReadTensor(cursor, source_));
  const uint64_t begin = std::min<uint64_t>(AlignUp(cursor.offset(), alignment), size);
  PlaceTensors(listed, begin, size - begin, alignment, source_);
  tensors_.reserve(listed.size());
  for (Listed& l : listed) tensors_.push_back(std::move(l.tensor));
  std::sort(tensors_.begin(), tensors_.end(), [](const GgufTensor& a, const GgufTensor& b) { return a.name < b.name; });
  const auto same = std::adjacent_find(tensors_.begin(), tensors_.end(),
                                       [](const GgufTensor& a, const GgufTensor& b) { return a.name == b.name; });
  if (same != tensors_.end()) throw Error(source_ + " has the tensor " + Quoted(same->name) + " twice" + kDownload);
}

const GgufValue* GgufFile::Find(std::string_view key) const {
  const Entry* entry = FindIn(metadata_, key, [](const Entry& e) { return e.key; });
  return entry == nullptr ? nullptr : &entry->value;
}

const GgufTensor* GgufFile::FindTensor(std::string_view name) const {
  return FindIn(tensors_, name, [](const GgufTensor& t) { return t.name; });
}

void GgufFile::Reject(std::string_view key, const std::string& wanted) const {
  const GgufValue* value = Find(key);
  std::string found = "missing";
  int64_t number = 0;
  if (value != nullptr && IsInteger(value->type) && IntegerOf(value->type, value->bytes.data(), &number)) {
    found = std::to_string(number);
  } else if (value != nullptr && value->type == GgufType::kString) {
    found = Quoted({reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size()});
  } else if (value != nullptr && value->type == GgufType::kArray) {
    found = "an array of " + std::to_string(value->count) + " " + TypeName(value->element);
  } else if (value != nullptr) {
    found = std::string("a value of the type ") + TypeName(value->type);
  }
  throw Error(source_ + ": " + std::string(key) + " must be " + wanted + ", but it is " + found);
}

std::optional<int64_t> GgufFile::Integer(std::string_view key, int64_t min, int64_t max) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  int64_t number = 0;
  if (!IsInteger(value->type) || !IntegerOf(value->type, value->bytes.data(), &number) || number < min || number > max) {
    Reject(key, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return number;
}

std::optional<float> GgufFile::Float(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kF32) Reject(key, "a number of the type f32");
  const float number = FloatOf(value->bytes.data());
  if (!(number - number == 0.0f)) Reject(key, "a finite number");
  return number;
}

std::optional<bool> GgufFile::Bool(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kBool) Reject(key, "a bool");
  return value->bytes[0] != std::byte{0};
}

std::optional<std::string_view> GgufFile::String(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kString) Reject(key, "a string");
  return std::string_view(reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size());
}

std::vector<std::string_view> GgufFile::Strings(std::string_view key) const {
  std::vector<std::string_view> strings;
  const GgufValue* value = Find(key);
  if (value == nullptr) return strings;
  if (value->type != GgufType::kArray || value->element != GgufType::kString) Reject(key, "an array of strings");
  Cursor cursor(value->bytes, value->bytes.size(), source_);
  strings.reserve(static_cast<size_t>(value->count));
  for (uint64_t i = 0; i < value->count; ++i) strings.push_back(cursor.Text(std::string()));
  return strings;
}

std::vector<float> GgufFile::Floats(std::string_view key) const {
  std::vector<float> floats;
  const GgufValue* value = Find(key);
  if (value == nullptr) return floats;
  if (value->type != GgufType::kArray || value->element != GgufType::kF32) Reject(key, "an array of f32");
  floats.reserve(static_cast<size_t>(value->count));
  for (uint64_t i = 0; i < value->count; ++i) floats.push_back(FloatOf(value->bytes.data() + 4 * i));
  return floats;
}

std::vector<int64_t> GgufFile::Integers(std::string_view key) const {
  std::vector<int64_t> integers;
  const GgufValue* value = Find(key);
  if (value == nullptr) return integers;
  if (value->type != GgufType::kArray || !IsInteger(value->element)) Reject(key, "an array of integers");
  const size_t size = ScalarSize(value->element);
  integers.reserve(static_cast<size_t>(value->count));
  for (uint64_t i = 0; i < value->count; ++i) {
    integers.emplace_back();
    if (!IntegerOf(value->element, value->bytes.data() + size * i, &integers.back())) Reject(key, "an array of 64-bit integers");
  }
  return integers;
}

std::vector<bool> GgufFile::Bools(std::string_view key) const {
  std::vector<bool> bools;
  const GgufValue* value = Find(key);
  if (value == nullptr) return bools;
  if (value->type != GgufType::kArray || value->element != GgufType::kBool) Reject(key, "an array of bools");
  for (const std::byte b : value->bytes) bools.push_back(b != std::byte{0});
  return bools;
}

std::optional<std::filesystem::path> GgufPath(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (!fs::exists(path, error)) {
      throw Error("there is no " + Quoted(path.string()) + "; name a checkpoint directory or a GGUF file");
    }
    if (path.extension() == ".safetensors") {
      throw Error(Quoted(path.string()) + " is weights alone; name the directory that holds its config.json, too");
    }
    return path;
  }
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) return std::nullopt;
    if (name.ends_with(".gguf")) found.push_back(entry.path());
  }
  if (found.size() > 1) {
    std::sort(found.begin(), found.end());
    throw Error(path.string() + " has " + std::to_string(found.size()) + " GGUF files, such as " +
                Quoted(found[0].filename().string()) + " and " + Quoted(found[1].filename().string()) + "; name one of them");
  }
  if (found.empty()) return std::nullopt;
  return found[0];
}

}  // namespace invar
