#include "runtime/model/convert.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "runtime/base/atomic_directory.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/bits.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/file.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/memory.h"
#include "runtime/model/checkpoint_files.h"
#include "runtime/model/gguf_model.h"
#include "runtime/model/model.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/weights/gguf.h"
#include "runtime/weights/narrow.h"
#include "runtime/weights/safetensors.h"

namespace invar {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kLargestFile = size_t{1} << 30;  // of a config
constexpr const char* kIndex = "model.safetensors.index.json";

bool IsFloat(DType type) { return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16; }

const char* TorchName(DType type) {
  return type == DType::kF32 ? "float32" : type == DType::kF16 ? "float16" : "bfloat16";
}

void WriteText(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.Write(text);
  file.Commit();
}

std::string Dump(const Json& json, const fs::path& path) {
  try {
    return json.dump(2, ' ', false) + "\n";
  } catch (const nlohmann::json::exception&) {
    throw Error("cannot write " + path.filename().string() + ": the model's texts are not valid UTF-8");
  }
}

// Text with its numbers compared as numbers, so that layer 2 stands before layer 10 and a shard holds whole layers.
bool NaturallyBefore(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      size_t k = i, l = j;
      while (k < a.size() && digit(a[k])) ++k;
      while (l < b.size() && digit(b[l])) ++l;
      if (k - i != l - j) return k - i < l - j;
      if (const int order = a.compare(i, k - i, b, j, l - j)) return order < 0;
      i = k;
      j = l;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

// Tensors' elements, little-endian, in the type asked for, a piece at a time: a tensor may be larger than the memory.
class Elements {
 public:
  Elements(const WeightSource& source, SafetensorsWriter& writer) : source_(source), writer_(writer) {}

  void Append(const TensorSpec& spec) {
    const TensorView& view = source_.Get(spec.name);
    const size_t size = DTypeSize(view.dtype);
    const uint64_t count = view.elements();
    if (view.layout == TensorView::Layout::kTransposed) {
      // Whole, and a copy as it lies.
      RequireMemory(SaturatingAdd(SaturatingMultiply(view.bytes, 2), 2 * kPieceBytes),
                    "turning the matrix " + Quoted(spec.name) + " of " + source_.where() + " round needs",
                    "free some memory, or convert from a checkpoint directory");
      std::vector<std::byte> whole(static_cast<size_t>(view.bytes));
      view.CopyTo(whole.data());
      for (uint64_t first = 0; first < count; first += kPiece) {
        const size_t part = static_cast<size_t>(std::min<uint64_t>(kPiece, count - first));
        AppendPiece(spec, view.dtype, whole.data() + static_cast<size_t>(first) * size, part);
      }
      return;
    }
    for (uint64_t first = 0; first < count; first += kPiece) {
      const size_t part = static_cast<size_t>(std::min<uint64_t>(kPiece, count - first));
      stored_.resize(part * size);
      view.ReadElements(first, part, stored_.data());
      AppendPiece(spec, view.dtype, stored_.data(), part);
    }
  }

 private:
  static constexpr uint64_t kPiece = uint64_t{4} << 20, kPieceBytes = kPiece * 8;  // elements; bytes of the widest

  // Elements in the machine's order.
  void AppendPiece(const TensorSpec& spec, DType type, const std::byte* elements, size_t count) {
    const size_t from = DTypeSize(type), to = DTypeSize(spec.dtype);
    written_.resize(count * to);
    if (type == spec.dtype) {
      CopyLittleEndian(elements, count * from, from, written_.data());
      writer_.Append(written_);
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      const uint32_t wide = Wide(type, elements + i * from);
      const uint32_t narrow = Narrow(spec.dtype, wide);
      const uint32_t infinity = spec.dtype == DType::kF16 ? 0x7C00 : spec.dtype == DType::kBF16 ? 0x7F80 : 0;
      if (to == 2 && (narrow & 0x7FFF) == infinity && (wide & 0x7FFFFFFF) != 0x7F800000) {
        char number[32];
        std::snprintf(number, sizeof(number), "%.9g", static_cast<double>(BitCast<float>(wide)));
        throw Error("tensor " + Quoted(spec.name) + " of " + source_.where() + " holds " + number + ", which " +
                    (spec.dtype == DType::kF16 ? "f16 cannot hold (its greatest is 65504); convert to bf16 or f32"
                                               : "bf16 cannot hold; convert to f32"));
      }
      for (size_t b = 0; b < to; ++b) written_[i * to + b] = static_cast<std::byte>(narrow >> (8 * b) & 0xFF);
    }
    writer_.Append(written_);
  }

  static uint32_t Wide(DType type, const std::byte* at) {
    if (type == DType::kF32) {
      uint32_t bits;
      std::memcpy(&bits, at, sizeof(bits));
      return bits;
    }
    uint16_t bits;
    std::memcpy(&bits, at, sizeof(bits));
    return type == DType::kF16 ? WidenF16(bits) : WidenBf16(bits);
  }
  static uint32_t Narrow(DType type, uint32_t bits) {
    return type == DType::kF32 ? bits : type == DType::kF16 ? NarrowF16(bits) : NarrowBf16(bits);
  }

  const WeightSource& source_;
  SafetensorsWriter& writer_;
  std::vector<std::byte> stored_, written_;
};

using Shard = std::vector<TensorSpec>;

std::vector<Shard> ShardsOf(const WeightSource& source, const ConvertOptions& options, Converted* done, uint64_t* parameters) {
  std::vector<std::string> names = source.names();
  std::sort(names.begin(), names.end(), NaturallyBefore);
  std::vector<Shard> shards(1);
  uint64_t in_shard = 0;
  for (const std::string& name : names) {
    const TensorView& view = source.Get(name);
    if (view.dtype == DType::kF64) {
      throw Error("tensor " + Quoted(name) + " of " + source.where() + " is of the type F64, which weights cannot have; convert it elsewhere");
    }
    const TensorSpec spec = {name, IsFloat(view.dtype) ? options.type.value_or(view.dtype) : view.dtype, view.shape};
    const uint64_t elements = view.elements(), bytes = elements * DTypeSize(spec.dtype);
    if (options.shard_bytes > 0 && in_shard > 0 && (bytes > options.shard_bytes || in_shard > options.shard_bytes - bytes)) {
      shards.emplace_back();
      in_shard = 0;
    }
    in_shard += bytes;
    shards.back().push_back(spec);
    done->tensors++;
    done->bytes += bytes;
    *parameters += elements;
  }
  if (done->tensors == 0) throw Error(source.where() + " has no tensors, so there is nothing to convert");
  done->files = shards.size();
  return shards;
}

void WriteWeights(const WeightSource& source, const std::vector<Shard>& shards, const fs::path& target, uint64_t bytes,
                  uint64_t parameters) {
  nlohmann::json map = nlohmann::json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    char name[64] = "model.safetensors";
    if (shards.size() > 1) std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    SafetensorsWriter writer(target / name, shards[i], {{"format", "pt"}});
    Elements elements(source, writer);
    for (const TensorSpec& spec : writer.order()) {
      CheckInterrupt();
      elements.Append(spec);
      map[spec.name] = name;
    }
    writer.Commit();
  }
  if (shards.size() == 1) return;
  const Json index = {{"metadata", {{"total_parameters", parameters}, {"total_size", bytes}}}, {"weight_map", map}};
  WriteText(target / kIndex, Dump(index, target / kIndex));
}

void WriteConfig(Json config, DType type, const fs::path& target) {
  // The older name and the newer one: both are read.
  if (config.contains("torch_dtype")) config["torch_dtype"] = TorchName(type);
  if (config.contains("dtype") || !config.contains("torch_dtype")) config["dtype"] = TorchName(type);
  WriteText(target / "config.json", Dump(config, target / "config.json"));
}

void WriteFromGguf(const GgufFile& file, std::optional<DType> type, const fs::path& target) {
  Json config = GgufConfig(file);
  WriteConfig(config, type.value_or(file.FindTensor("token_embd.weight")->dtype), target);
  if (config.contains("eos_token_id")) {
    Json generation;
    for (const char* name : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
      if (config.contains(name)) generation[name] = config[name];
    }
    WriteText(target / "generation_config.json", Dump(generation, target / "generation_config.json"));
  }
  if (file.Find("tokenizer.ggml.tokens") == nullptr) return;
  const Json tokenizer = GgufTokenizer(file), tokens = GgufTokenizerConfig(file);
  WriteText(target / "tokenizer.json", Dump(tokenizer, target / "tokenizer.json"));
  WriteText(target / "tokenizer_config.json", Dump(tokens, target / "tokenizer_config.json"));
}

}  // namespace

Converted Convert(const fs::path& source, const fs::path& target, const ConvertOptions& options) {
  std::error_code error;
  if (fs::exists(target, error) && fs::equivalent(fs::is_directory(source, error) ? source : source.parent_path() / ".", target, error)) {
    throw Error("the model cannot be converted into its own directory " + target.string() + "; name another");
  }
  const std::optional<fs::path> gguf = GgufPath(source);
  ModelConfig::Load(source);  // what is not a model that can be run is not converted
  const std::unique_ptr<WeightSource> weights = OpenWeights(source);
  Converted done;
  uint64_t parameters = 0;
  const std::vector<Shard> shards = ShardsOf(*weights, options, &done, &parameters);
  AtomicDirectory::MayReplace may_replace;
  if (options.replace) {
    may_replace = [&](const fs::path& old) {
      RequireApart(source, old);
      RequireCheckpointAlone(old);
    };
  }
  AtomicDirectory directory(target, may_replace);
  if (gguf) {
    WriteFromGguf(GgufFile::Open(*gguf), options.type, directory.path());
  } else {
    const fs::path config = source / "config.json";
    const std::string text = ReadWholeFile(config, kLargestFile);
    if (options.type) {
      WriteConfig(ParseOrderedJson(text, config.string()), *options.type, directory.path());
    } else {
      WriteText(directory.path() / "config.json", text);
    }
    CopyCheckpointTexts(source, directory.path());
  }
  WriteWeights(*weights, shards, directory.path(), done.bytes, parameters);
  directory.Commit();
  return done;
}

}  // namespace invar
