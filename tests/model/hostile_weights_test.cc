// Checkpoints whose weights are not what config.json says, are no numbers, do not fit, or vanish while they are read.
#include <atomic>
#include <thread>

#include "runtime/model/architectures.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A copy of a bundled checkpoint whose tensors can be changed.
class Checkpoint {
 public:
  explicit Checkpoint(const std::string& model) : config_(ReadJson(ModelDir(model) / "config.json")) {
    const SafetensorsFile file = SafetensorsFile::Open(ModelDir(model) / "model.safetensors");
    for (const std::string& name : file.names()) {
      const TensorView& t = file.Get(name);
      Tensor& to = tensors_[name] = {t.dtype, t.shape, std::vector<std::byte>(t.bytes)};
      t.CopyTo(to.data.data());
    }
  }

  struct Tensor {
    DType dtype;
    std::vector<uint64_t> shape;
    std::vector<std::byte> data;
  };
  std::map<std::string, Tensor>& tensors() { return tensors_; }
  json& config() { return config_; }

  void Set(const std::string& name, size_t element, uint32_t bits) {
    Tensor& t = tensors_.at(name);
    const size_t size = DTypeSize(t.dtype);
    std::memcpy(t.data.data() + element * size, &bits, size);  // little-endian
  }
  // A head of its own, a copy of the embedding.
  void Untie(const std::string& embedding) {
    tensors_["lm_head.weight"] = tensors_.at(embedding);
    config_["tie_word_embeddings"] = false;
  }

  fs::path Write() const {
    std::vector<NamedTensor> list;
    for (const auto& [name, t] : tensors_) list.push_back({name, t.dtype, t.shape, t.data});
    WriteText(folder_ / "config.json", config_.dump());
    WriteSafetensors(folder_ / "model.safetensors", list);
    return folder_.path();
  }
  fs::path weights() const { return folder_ / "model.safetensors"; }

 private:
  TemporaryDirectory folder_;
  json config_;
  std::map<std::string, Tensor> tensors_;
};

std::string NameEndingIn(Checkpoint& checkpoint, const std::string& end) {
  for (const auto& [name, t] : checkpoint.tensors()) {
    if (name.ends_with(end)) return name;
  }
  ADD_FAILURE() << "no tensor ends in " << end;
  return "";
}

void ExpectNotLoaded(const fs::path& directory, const std::vector<std::string>& words) {
  ExpectRefusal([&] { const Engine engine(directory, EngineOptions{"", 3}); }, words);
}

uint32_t NanOf(DType dtype) { return dtype == DType::kF32 ? 0x7F800001u : dtype == DType::kBF16 ? 0xFF81u : 0x7C01u; }
uint32_t InfinityOf(DType dtype) { return dtype == DType::kF32 ? 0xFF800000u : dtype == DType::kBF16 ? 0x7F80u : 0xFC00u; }
uint32_t LargestOf(DType dtype) { return dtype == DType::kF32 ? 0x7F7FFFFFu : dtype == DType::kBF16 ? 0x7F7Fu : 0x7BFFu; }

TEST(HostileWeights, NanAndInfinityNameTheirTensor) {
  size_t refused = 0;
  for (const auto& [model, ends] : std::map<std::string, std::vector<std::string>>{
           {"gpt2", {"wte.weight", "wpe.weight", "h.1.ln_1.bias", "h.0.attn.c_attn.weight", "h.1.mlp.c_proj.bias"}},
           {"qwen3", {"embed_tokens.weight", "layers.0.self_attn.q_norm.weight", "layers.3.mlp.down_proj.weight", "model.norm.weight"}}}) {
    for (const std::string& end : ends) {
      for (const bool nan : {true, false}) {
        Checkpoint checkpoint(model);
        const std::string name = NameEndingIn(checkpoint, end);
        const Checkpoint::Tensor& t = checkpoint.tensors().at(name);
        const size_t count = t.data.size() / DTypeSize(t.dtype), at = count * 2 / 3 + 1;
        std::string index = std::to_string(t.shape.size() == 1 ? at : at / t.shape[1]);
        if (t.shape.size() == 2) index += ", " + std::to_string(at % t.shape[1]);
        checkpoint.Set(name, count - 1, LargestOf(t.dtype));  // finite: not the one
        checkpoint.Set(name, at, nan ? NanOf(t.dtype) : InfinityOf(t.dtype));
        ExpectNotLoaded(checkpoint.Write(), {"tensor " + name, nan ? "NaN" : "infinity", "at [" + index + "]"});
        ++refused;
      }
    }
  }
  // An untied table is a table of its own; half precision has other bits.
  Checkpoint untied("qwen3");
  const std::string embedding = NameEndingIn(untied, "embed_tokens.weight");
  untied.Untie(embedding);
  for (auto& [name, t] : untied.tensors()) {
    if (t.dtype != DType::kF32) t.dtype = DType::kF16;  // the bits of a bf16 read as f16 are finite or not, so zero them
    std::fill(t.data.begin(), t.data.end(), std::byte{0});
  }
  untied.Write();
  EXPECT_EQ(Refusal([&] { const Engine engine(untied.weights().parent_path(), EngineOptions{"", 3}); }), "");
  untied.Set(embedding, 5, InfinityOf(untied.tensors().at(embedding).dtype));
  ExpectNotLoaded(untied.Write(), {embedding, "infinity", "at [0, 5]"});
  std::printf("%zu checkpoints with a NaN or an infinity refused\n", refused + 1);
}

TEST(HostileWeights, MissingAndMisshapenTensorsAreNamedWithBothShapes) {
  Checkpoint checkpoint("gpt2");
  const std::string name = NameEndingIn(checkpoint, "h.1.attn.c_attn.weight");
  const Checkpoint::Tensor whole = checkpoint.tensors().at(name);
  checkpoint.tensors().erase(name);
  ExpectNotLoaded(checkpoint.Write(), {"h.1.attn.c_attn.weight", "no tensor", "config.json"});
  checkpoint.tensors()[name] = whole;
  std::swap(checkpoint.tensors()[name].shape[0], checkpoint.tensors()[name].shape[1]);
  ExpectNotLoaded(checkpoint.Write(), {name, "has shape " + ShapeText({whole.shape[1], whole.shape[0]}),
                                       "asks for " + ShapeText(whole.shape)});
  checkpoint.tensors()[name] = {DType::kF64, whole.shape, std::vector<std::byte>(whole.shape[0] * whole.shape[1] * 8)};
  ExpectNotLoaded(checkpoint.Write(), {name, "F32, F16 and BF16"});
}

std::vector<float> LogitsOf(const Engine& engine) { return Logits(engine, RandomIds(engine, 9), {}); }

TEST(HostileWeights, AFileShortenedAfterLoadingChangesNothing) {
  for (const std::string& model : ModelNames()) {
    for (const bool untie : {false, true}) {
      Checkpoint checkpoint(model);
      if (untie) checkpoint.Untie(NameEndingIn(checkpoint, model == "gpt2" ? "wte.weight" : "embed_tokens.weight"));
      const Engine engine(checkpoint.Write(), EngineOptions{"", 2});
      const std::vector<float> before = LogitsOf(engine);
      fs::resize_file(checkpoint.weights(), 100);
      Comparisons::Expect(before, LogitsOf(engine), model);
      Comparisons::Expect(LogitsOf(EngineOf(model)), before, model + " untied");
    }
  }
}

TEST(HostileWeights, AFileShortenedBeforeItsTensorsAreReadIsAnError) {
  for (const std::string& model : ModelNames()) {
    Checkpoint checkpoint(model);
    const fs::path directory = checkpoint.Write();
    const uint64_t size = fs::file_size(checkpoint.weights());
    for (const uint64_t left : {uint64_t{0}, uint64_t{100}, size / 2, size - 1}) {
      checkpoint.Write();
      const ModelConfig config = ModelConfig::Load(directory);
      const SafetensorsCheckpoint opened = SafetensorsCheckpoint::Open(directory);
      fs::resize_file(checkpoint.weights(), left);
      ThreadPool pool(4);
      const auto load = model == "gpt2" ? LoadGpt2 : LoadDecoder;
      ExpectRefusal([&] { load(config, opened, pool, false, nullptr); }, {checkpoint.weights().string(), "became shorter"});
    }
  }
}

// Whenever it happens: the model loads, or a sentence says why not.
TEST(HostileWeights, AFileShortenedByAnotherThreadNeverCrashes) {
  Checkpoint checkpoint("gpt2");
  const fs::path directory = checkpoint.Write();
  const uint64_t size = fs::file_size(checkpoint.weights());
  size_t loaded = 0, refused = 0;
  for (int i = 0; i < (SmallScale() ? 10 : 60); ++i) {
    checkpoint.Write();
    std::atomic<bool> begun{false};
    std::thread other([&] {
      while (!begun.load()) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
      fs::resize_file(checkpoint.weights(), size / 2);
    });
    begun.store(true);
    const std::string said = Refusal([&] { const Engine engine(directory, EngineOptions{"", 3}); });
    other.join();
    ++(said.empty() ? loaded : refused);
    EXPECT_TRUE(said.empty() || said.find("shorter") != said.npos || said.find("incomplete") != said.npos) << said;
  }
  std::printf("loaded %zu times, refused %zu times\n", loaded, refused);
  EXPECT_EQ(loaded + refused, SmallScale() ? 10u : 60u);
}

// A file of half a terabyte that takes no room on disk, and a config that agrees with it.
TEST(HostileWeights, MoreThanMemoryIsRefusedBeforeItIsRead) {
  const TemporaryDirectory folder;
  const uint64_t vocab = uint64_t{1} << 22, width = uint64_t{1} << 16;
  WriteText(folder / "config.json", json({{"model_type", "llama"}, {"vocab_size", vocab}, {"hidden_size", width},
                                          {"num_hidden_layers", 1}, {"num_attention_heads", 512}, {"intermediate_size", 64},
                                          {"tie_word_embeddings", true}}).dump());
  std::map<std::string, std::vector<uint64_t>> shapes = {{"model.embed_tokens.weight", {vocab, width}},
                                                         {"model.norm.weight", {width}}};
  const std::string layer = "model.layers.0.";
  for (const char* name : {"input_layernorm", "post_attention_layernorm"}) shapes[layer + name + ".weight"] = {width};
  for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) shapes[layer + "self_attn." + name + ".weight"] = {width, width};
  for (const char* name : {"gate_proj", "up_proj"}) shapes[layer + "mlp." + name + ".weight"] = {64, width};
  shapes[layer + "mlp.down_proj.weight"] = {width, 64};
  json header;
  uint64_t end = 0;
  for (const auto& [name, shape] : shapes) {
    const uint64_t bytes = 2 * shape[0] * (shape.size() == 2 ? shape[1] : 1);
    header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  const std::string text = header.dump();
  std::string begin(8, '\0');
  for (size_t i = 0; i < 8; ++i) begin[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  WriteText(folder / "model.safetensors", begin + text);
  std::error_code error;
  fs::resize_file(folder / "model.safetensors", 8 + text.size() + end, error);
  if (error) GTEST_SKIP() << "no sparse file of half a terabyte here: " << error.message();
  ExpectNotLoaded(folder.path(), {folder.path().string(), "need " + std::to_string(end + 2 * (3 * width)), "leaves only"});
}

}  // namespace
}  // namespace invar::testing
