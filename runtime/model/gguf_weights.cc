// A GGUF file's tensors under Hugging Face's names.
#include <algorithm>
#include <span>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/model/gguf_model.h"

namespace invar {
namespace {

enum class Change { kNone, kTransposed, kQueryRows, kKeyRows };

struct Name {
  const char *gguf, *hugging_face;
  Change change = Change::kNone;
};

// <name>.weight and <name>.bias of a layer.
constexpr Name kGpt2Layer[] = {{"attn_norm", "ln_1"},
                               {"attn_qkv", "attn.c_attn", Change::kTransposed},
                               {"attn_output", "attn.c_proj", Change::kTransposed},
                               {"ffn_norm", "ln_2"},
                               {"ffn_up", "mlp.c_fc", Change::kTransposed},
                               {"ffn_down", "mlp.c_proj", Change::kTransposed}};
constexpr Name kDecoderLayer[] = {{"attn_norm", "input_layernorm"},
                                  {"attn_q", "self_attn.q_proj", Change::kQueryRows},
                                  {"attn_k", "self_attn.k_proj", Change::kKeyRows},
                                  {"attn_v", "self_attn.v_proj"},
                                  {"attn_output", "self_attn.o_proj"},
                                  {"attn_q_norm", "self_attn.q_norm"},
                                  {"attn_k_norm", "self_attn.k_norm"},
                                  {"ffn_norm", "post_attention_layernorm"},
                                  {"ffn_gate", "mlp.gate_proj"},
                                  {"ffn_up", "mlp.up_proj"},
                                  {"ffn_down", "mlp.down_proj"},
                                  {"ffn_gate_inp", "mlp.gate"}};
constexpr Name kGpt2Top[] = {{"token_embd", "transformer.wte"}, {"position_embd", "transformer.wpe"},
                             {"output_norm", "transformer.ln_f"}, {"output", "lm_head"}};
constexpr Name kDecoderTop[] = {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
// Experts stacked into one tensor [experts, rows, columns]; gate_up: the gate's rows, then the up's.
constexpr Name kStacks[] = {{"ffn_gate_exps.weight", "gate_proj"},
                            {"ffn_up_exps.weight", "up_proj"},
                            {"ffn_down_exps.weight", "down_proj"},
                            {"ffn_gate_up_exps.weight", "gate_proj up_proj"}};

class GgufWeights final : public WeightSource {
 public:
  explicit GgufWeights(GgufFile file) : file_(std::move(file)), gpt2_(GgufModelType(file_) == "gpt2") {
    // Only the Llama architecture's rotary pairs lie next to each other; the others' files keep the halves.
    if (GgufModelType(file_) == "llama") {
      const nlohmann::ordered_json config = GgufConfig(file_);
      pair_rows_ = config["head_dim"].get<uint64_t>();
    }
    for (const GgufTensor& tensor : file_.tensors()) Add(tensor);
    std::sort(views_.begin(), views_.end(), [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
    for (const TensorView& view : views_) names_.push_back(view.name);
    const auto twin = std::adjacent_find(names_.begin(), names_.end());
    if (twin != names_.end()) throw Error(file_.source() + " holds the tensor " + Quoted(*twin) + " in two ways; convert it again");
  }

  const TensorView* Find(std::string_view name) const override {
    const auto it = std::lower_bound(names_.begin(), names_.end(), name);
    return it != names_.end() && *it == name ? &views_[static_cast<size_t>(it - names_.begin())] : nullptr;
  }
  const std::vector<std::string>& names() const override { return names_; }
  std::string where() const override { return file_.source(); }

 private:
  [[noreturn]] void Refuse(const GgufTensor& tensor, const std::string& why) const {
    throw Error("tensor " + Quoted(tensor.name) + " of " + file_.source() + " " + why);
  }

  void Add(const GgufTensor& tensor) {
    if (tensor.name == "rope_freqs.weight") return;  // the config's rope_scaling says it
    if (tensor.dtype == DType::kUnknown) {
      Refuse(tensor, std::string("has the quantised type ") + tensor.type_name + ", which is not supported; use a file stored as F32, F16 or BF16");
    }
    std::string name(tensor.name), prefix = gpt2_ ? "transformer." : "model.";
    if (name.starts_with("blk.")) {
      const size_t dot = name.find('.', 4);
      const std::string layer = name.substr(4, dot == std::string::npos ? dot : dot - 4);
      const bool number = !layer.empty() && layer.size() < 8 && layer.find_first_not_of("0123456789") == layer.npos &&
                          (layer == "0" || layer[0] != '0');
      if (!number || dot == std::string::npos) Refuse(tensor, "has a name that is not known");
      prefix += (gpt2_ ? "h." : "layers.") + layer + ".";
      if (!gpt2_ && AddStack(tensor, name.substr(dot + 1), prefix + "mlp.experts.")) return;
      const std::span<const Name> known = gpt2_ ? std::span<const Name>(kGpt2Layer) : std::span<const Name>(kDecoderLayer);
      return AddNamed(tensor, name.substr(dot + 1), known, prefix);
    }
    AddNamed(tensor, name, gpt2_ ? std::span<const Name>(kGpt2Top) : std::span<const Name>(kDecoderTop), "");
  }

  void AddNamed(const GgufTensor& tensor, const std::string& name, std::span<const Name> known, const std::string& prefix) {
    const size_t dot = name.rfind('.');
    const std::string stem = name.substr(0, dot), part = dot == std::string::npos ? "" : name.substr(dot);
    const auto found = std::find_if(known.begin(), known.end(), [&](const Name& n) { return stem == n.gguf; });
    if (found == known.end() || (part != ".weight" && part != ".bias")) {
      Refuse(tensor, "is not one that this architecture is known to have; without it the model would be another");
    }
    TensorView view = file_.ViewOf(tensor);
    view.name = prefix + found->hugging_face + part;
    if (found->change == Change::kTransposed && view.shape.size() == 2) {
      std::swap(view.shape[0], view.shape[1]);
      view.layout = TensorView::Layout::kTransposed;
    } else if ((found->change == Change::kQueryRows || found->change == Change::kKeyRows) && pair_rows_ > 2) {
      if (view.shape.empty() || view.shape[0] == 0 || view.shape[0] % pair_rows_ != 0 || pair_rows_ % 2 != 0) {
        Refuse(tensor, "has the shape " + ShapeText(view.shape) + ", whose rows are not whole heads of " + std::to_string(pair_rows_));
      }
      view.layout = TensorView::Layout::kPairedRows;
      view.group = pair_rows_;
    }
    views_.push_back(std::move(view));
  }

  bool AddStack(const GgufTensor& tensor, const std::string& name, const std::string& prefix) {
    const auto found = std::find_if(std::begin(kStacks), std::end(kStacks), [&](const Name& n) { return name == n.gguf; });
    if (found == std::end(kStacks)) return false;
    std::string parts = found->hugging_face;
    const size_t blank = parts.find(' ');
    const uint64_t shared = blank == std::string::npos ? 1 : 2;
    // An expert without elements would let a file of some bytes ask for any number of views.
    if (tensor.shape.size() != 3 || tensor.bytes == 0 || tensor.shape[1] % shared != 0) {
      Refuse(tensor, "has the shape " + ShapeText(tensor.shape) + ", which is no stack of experts' matrices");
    }
    const uint64_t experts = tensor.shape[0], rows = tensor.shape[1] / shared, columns = tensor.shape[2];
    const uint64_t bytes = tensor.bytes / (experts * shared);
    for (uint64_t e = 0; e < experts; ++e) {
      for (uint64_t i = 0; i < shared; ++i) {
        const std::string part = shared == 1 ? parts : i == 0 ? parts.substr(0, blank) : parts.substr(blank + 1);
        TensorView view = file_.ViewOf(tensor);
        view.name = prefix + std::to_string(e) + "." + part + ".weight";
        view.shape = {rows, columns};
        view.bytes = bytes;
        view.offset += (e * shared + i) * bytes;
        if (view.data != nullptr) view.data += (e * shared + i) * bytes;
        views_.push_back(std::move(view));
      }
    }
    return true;
  }

  GgufFile file_;
  bool gpt2_;
  uint64_t pair_rows_ = 0;  // rows of a head whose rotary pairs lie next to each other; 0: none do
  std::vector<TensorView> views_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<WeightSource> OpenGgufWeights(const std::filesystem::path& path) {
  return GgufWeightsOf(GgufFile::Open(path));
}

std::unique_ptr<WeightSource> GgufWeightsOf(GgufFile file) { return std::make_unique<GgufWeights>(std::move(file)); }

}  // namespace invar
