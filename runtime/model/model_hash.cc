#include "runtime/model/model_hash.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "invar/float_env.h"
#include "runtime/base/bits.h"
#include "runtime/base/sha256.h"
#include "runtime/kernels/thread_pool.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"
#include "runtime/weights/narrow.h"
#include "runtime/weights/tensor.h"

namespace invar {
namespace {

// Elements in memory at once, of each thread.
constexpr uint64_t kPiece = uint64_t{1} << 20;

void Widen(DType type, const std::byte* from, size_t count, float* to) {
  if (type == DType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, from + 2 * i, sizeof(bits));
    to[i] = BitCast<float>(type == DType::kF16 ? WidenF16(bits) : WidenBf16(bits));
  }
}

// A tensor's values, row-major, as binary32.
class TensorHash {
 public:
  explicit TensorHash(const TensorView& view) : view_(view), size_(DTypeSize(view.dtype)) {}

  std::string Compute() {
    if (view_.layout == TensorView::Layout::kTransposed) {
      HashTransposed();
    } else {
      for (uint64_t first = 0, count = view_.elements(); first < count; first += kPiece) {
        const size_t part = static_cast<size_t>(std::min(kPiece, count - first));
        stored_.resize(part * size_);
        wide_.resize(part);
        view_.ReadElements(first, part, stored_.data());
        Widen(view_.dtype, stored_.data(), part, wide_.data());
        hash_.UpdateFloats(wide_.data(), part);
      }
    }
    return Hex(hash_.Finish());
  }

 private:
  // [rows, columns] that lies as [columns][rows]: a band of rows at a time, read as a stretch of each column.
  void HashTransposed() {
    const uint64_t rows = view_.shape[0], columns = view_.shape[1];
    if (rows == 0 || columns == 0) return;
    const uint64_t band = std::clamp<uint64_t>(kPiece / columns, 1, rows);
    for (uint64_t first = 0; first < rows; first += band) {
      const size_t height = static_cast<size_t>(std::min(band, rows - first)), width = static_cast<size_t>(columns);
      stored_.resize(height * size_);
      wide_.resize(height * width);
      std::vector<float> column(height);
      for (size_t c = 0; c < width; ++c) {
        view_.ReadElements(c * rows + first, height, stored_.data());
        Widen(view_.dtype, stored_.data(), height, column.data());
        for (size_t r = 0; r < height; ++r) wide_[r * width + c] = column[r];
      }
      hash_.UpdateFloats(wide_.data(), wide_.size());
    }
  }

  const TensorView& view_;
  size_t size_;
  Sha256 hash_;
  std::vector<std::byte> stored_;
  std::vector<float> wide_;
};

// A binary32 by its bits: its decimals would need a rule of their own.
std::string Bits(float value) {
  char text[16];
  std::snprintf(text, sizeof(text), "0x%08x", static_cast<unsigned>(BitCast<uint32_t>(value)));
  return text;
}

const char* ActivationName(Activation activation) {
  static constexpr const char* kNames[] = {"gelu_tanh", "gelu_erf", "quick_gelu", "silu", "relu", "tanh"};
  return kNames[static_cast<size_t>(activation)];
}

template <class List>
std::string Numbers(const List& list) {
  std::string text;
  for (const auto& number : list) text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}

// What is computed with, rather than what a config calls it: two configs that give the same bits give the same lines. Biases,
// head norms and a head of its own show in the list of tensors. Receipts name models by these lines for good: a constant that
// a later release adds gets a line only where it is not what these models have.
std::vector<std::string> ConfigLines(const ModelConfig& c) {
  const ScopedFloatEnv env;
  std::vector<std::string> lines;
  const auto add = [&](const char* name, const std::string& value) { lines.push_back(name + (" " + value)); };
  const bool gpt2 = c.architecture == Architecture::kGpt2;
  add("architecture", gpt2 ? "gpt2" : "decoder");
  add("vocab_size", std::to_string(c.vocab_size));
  add("hidden_size", std::to_string(c.hidden_size));
  add("layers", std::to_string(c.layers));
  add("heads", std::to_string(c.heads));
  add("kv_heads", std::to_string(c.kv_heads));
  add("head_dim", std::to_string(c.head_dim));
  add("positions", std::to_string(c.max_positions));
  add("epsilon", Bits(static_cast<float>(c.norm_epsilon)));
  add("activation", ActivationName(c.activation));
  if (gpt2) {
    add("scale_attn_weights", std::to_string(c.scale_attn_weights));
    add("scale_attn_by_inverse_layer_idx", std::to_string(c.scale_attn_by_inverse_layer_idx));
    return lines;
  }
  const std::vector<float> frequencies = RopeFrequencies(c.rope);
  add("rope_frequencies", Fingerprint(frequencies.data(), frequencies.size()));
  add("rope_attention_factor", Bits(RopeAttentionFactor(c.rope)));
  add("windows", Numbers(c.windows));
  const ExpertsConfig& e = c.experts;
  if (e.experts > 0) {
    add("experts", std::to_string(e.experts));
    add("experts_per_token", std::to_string(e.per_token));
    add("experts_normalize", std::to_string(e.normalize));
    add("experts_in_layer", Numbers(e.in_layer));
  }
  return lines;
}

std::string HashOf(const std::vector<std::string>& lines) {
  Sha256 hash;
  for (const std::string& line : lines) hash.Update(line + "\n");
  return Hex(hash.Finish());
}

}  // namespace

ModelHash HashModel(const std::filesystem::path& path, int threads) {
  const ModelConfig config = ModelConfig::Load(path);
  const Model::Needs needs = Model::Plan(path);
  const std::unique_ptr<WeightSource> source = OpenWeights(path);
  struct Part {
    const std::string* name;
    const TensorView* view;
    std::string* line;
  };
  ModelHash hash;
  hash.tensor_lines.resize(needs.tensors.size());
  std::vector<Part> parts;
  for (const auto& [name, stored] : needs.tensors) {
    parts.push_back({&name, &source->Get(stored), &hash.tensor_lines[parts.size()]});
  }
  // The largest first, so that no thread begins with one when the others are done.
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.view->elements() > b.view->elements(); });
  const int most = AvailableThreads();  // whatever a caller asks for: nobody has checked it yet
  ThreadPool pool(threads <= 0 ? most : std::min(threads, most));
  Team team(pool, pool.threads());
  team.For(parts.size(), [&](size_t i) {
    const Part& part = parts[i];
    *part.line = *part.name + " " + ShapeText(part.view->shape) + " " + TensorHash(*part.view).Compute();
  });
  hash.config_lines = ConfigLines(config);
  hash.identity = {HashOf(hash.tensor_lines), HashOf(hash.config_lines),
                   config.architecture == Architecture::kGpt2 ? "gpt2" : "decoder", needs.parameters};
  return hash;
}

}  // namespace invar
