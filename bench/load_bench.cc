// From nothing to a model that is ready: a checkpoint of Qwen3-0.6B's dimensions with random weights, made in the build folder
// when it is first asked for, loaded from the system's cache of files by a fresh process each time.
//
// A fresh process is this program once more, told by its environment to load and to say what it took. Its floor is measured the
// same way in the same rounds: reading the same bytes into memory like that of weights, and doing nothing with them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/base/pages.h"
#include "runtime/engine/engine.h"
#include "runtime/kernels/selection.h"
#include "runtime/text/tokenizer.h"
#include "runtime/weights/safetensors.h"

namespace invar::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProbe = "INVAR_BENCH_LOAD_PROBE";
constexpr const char* kProgram = "INVAR_BENCH_LOAD_PROGRAM";
constexpr size_t kWidth = 1024, kInner = 3072, kLayers = 28, kHeads = 16, kKvHeads = 8, kHead = 128, kVocabulary = 151936;

const char* const kConfig =
    R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 1024, "intermediate_size": 3072,
"num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
"max_position_embeddings": 40960, "rms_norm_eps": 1e-06, "rope_theta": 1000000, "hidden_act": "silu",
"attention_bias": false, "tie_word_embeddings": true, "torch_dtype": "bfloat16"})";

std::vector<TensorSpec> Tensors() {
  std::vector<TensorSpec> all = {{"model.embed_tokens.weight", DType::kBF16, {kVocabulary, kWidth}}, {"model.norm.weight", DType::kBF16, {kWidth}}};
  for (size_t i = 0; i < kLayers; ++i) {
    const auto add = [&](const char* name, std::vector<uint64_t> shape) {
      all.push_back({"model.layers." + std::to_string(i) + "." + name + ".weight", DType::kBF16, std::move(shape)});
    };
    add("input_layernorm", {kWidth});
    add("post_attention_layernorm", {kWidth});
    add("self_attn.q_norm", {kHead});
    add("self_attn.k_norm", {kHead});
    add("self_attn.q_proj", {kHeads * kHead, kWidth});
    add("self_attn.k_proj", {kKvHeads * kHead, kWidth});
    add("self_attn.v_proj", {kKvHeads * kHead, kWidth});
    add("self_attn.o_proj", {kWidth, kHeads * kHead});
    add("mlp.gate_proj", {kInner, kWidth});
    add("mlp.up_proj", {kInner, kWidth});
    add("mlp.down_proj", {kWidth, kInner});
  }
  return all;
}

// Random bits between 2^-8 and 2^-5 of either sign, and norms of one.
void WriteWeights(const fs::path& path) {
  SafetensorsWriter writer(path, Tensors());
  uint64_t state = 1;
  std::vector<uint16_t> values;
  for (const TensorSpec& tensor : writer.order()) {
    size_t count = 1;
    for (const uint64_t extent : tensor.shape) count *= extent;
    values.resize(count);
    for (uint16_t& value : values) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const uint16_t bits = static_cast<uint16_t>(state >> 48);
      value = tensor.shape.size() == 1 ? 0x3F80 : static_cast<uint16_t>((bits & 0x81FF) + 0x3B80);
    }
    writer.Append(std::as_bytes(std::span<const uint16_t>(values)));
  }
  writer.Commit();
}

std::optional<fs::path> PublishedTokenizer() {
  const char* given = std::getenv("INVAR_SHARED");
  const fs::path shared = given != nullptr ? fs::path(given) : fs::path(INVAR_SOURCE_DIR) / ".." / "shared";
  const fs::path file = shared / "tokenizers" / "qwen3" / "tokenizer.json";
  std::error_code error;
  return fs::exists(file, error) ? std::optional<fs::path>(file) : std::nullopt;
}

fs::path Folder() { return fs::path(INVAR_BUILD_DIR) / "load_bench"; }

const fs::path& Checkpoint() {
  static const fs::path made = [] {
    const fs::path directory = Folder() / "qwen3-0.6b-dimensions";
    fs::create_directories(directory);
    if (!fs::exists(directory / "config.json")) std::ofstream(directory / "config.json") << kConfig;
    if (!fs::exists(directory / "model.safetensors")) WriteWeights(directory / "model.safetensors");
    if (const std::optional<fs::path> tokenizer = PublishedTokenizer()) {
      fs::copy_file(*tokenizer, directory / "tokenizer.json", fs::copy_options::skip_existing);
    }
    return directory;
  }();
  return made;
}

// Kilobytes of a line of /proc/self/status, as bytes.
double StatusBytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return 1024 * std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}

// What a probe prints, in this order. Kinds of probes: "read" reads alone, "load" loads, "prepare" too, whatever the cache is.
struct Probed {
  double seconds = 0, first_token = 0, tokenizer = 0;
  double weights = 0, kv = 0;               // bytes that the model says it holds
  double peak = 0, anonymous = 0, file = 0;  // bytes, of the process: the peak of all pages, and pages of either kind at the end
};

// By the wall's clock on one thread too: what waits for the system waits for it as well.
class Wall {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Only reads, as a load does.
double ReadAlone(const fs::path& path, int threads) {
  constexpr size_t kPiece = size_t{1} << 18;
  const Wall watch;
  ThreadPool pool(threads);
  Team team(pool, threads);
  const auto file = FileReader::Open(path);
  const size_t size = static_cast<size_t>(file->size());
  const Pages memory = AllocatePages(size, true);
  team.For((size + kPiece - 1) / kPiece, [&](size_t i) {
    file->ReadAt(i * kPiece, std::min(kPiece, size - i * kPiece), static_cast<char*>(memory.get()) + i * kPiece);
  });
  return watch.Seconds();
}

Probed Probe(const std::string& kind, int threads, const fs::path& model, const fs::path& cache, size_t tokens) {
  Probed probed;
  if (kind == "read") {
    probed.seconds = ReadAlone(model / "model.safetensors", threads);
    return probed;
  }
  const Wall watch;
  EngineOptions options{"", threads};
  options.load.packed_cache = cache;
  // A cache that an earlier run left may be of another release.
  if (kind == "load") options.load.note = [](const std::string& text) { throw std::runtime_error(text); };
  const Engine engine(model, options);
  probed.seconds = watch.Seconds();
  std::optional<Tokenizer> tokenizer;
  std::error_code error;
  if (fs::exists(model / "tokenizer.json", error)) {
    const Wall reading;
    tokenizer = Tokenizer::Load(model);
    probed.tokenizer = reading.Seconds();
  }
  std::vector<int32_t> ids(tokens, 1);
  std::vector<float> logits(engine.vocab_size());
  KvCache kv = engine.model().NewCache();
  const Wall forward;
  engine.Forward({{&kv, ids.data(), ids.size(), ids.size() - 1}}, logits.data());
  probed.first_token = forward.Seconds();
  probed.weights = static_cast<double>(engine.model().weight_bytes());
  probed.kv = static_cast<double>(kv.bytes());
  probed.peak = StatusBytes("VmHWM");
  probed.anonymous = StatusBytes("RssAnon");
  probed.file = StatusBytes("RssFile");
  return probed;
}

Probed RunProbe(const std::string& kind, int threads, const fs::path& cache, size_t tokens) {
  const std::string what = kind + "\n" + std::to_string(threads) + "\n" + std::to_string(tokens) + "\n" + Checkpoint().string() + "\n" + cache.string();
  ::setenv(kProbe, what.c_str(), 1);
  ::setenv(kProgram, fs::read_symlink("/proc/self/exe").c_str(), 1);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen((std::string("exec \"$") + kProgram + "\"").c_str(), "r"), &::pclose);
  ::unsetenv(kProbe);
  Probed p;
  if (pipe == nullptr || std::fscanf(pipe.get(), "%lf %lf %lf %lf %lf %lf %lf %lf", &p.seconds, &p.first_token, &p.tokenizer, &p.weights, &p.kv,
                                     &p.peak, &p.anonymous, &p.file) != 8) {
    throw std::runtime_error("the process that was to load the model ended without a result");
  }
  return p;
}

// In the process that is to load: says what it took, and ends.
void AnswerProbe(const std::string& what) {
  std::istringstream lines(what);
  std::string kind, threads, tokens, model, cache;
  for (std::string* line : {&kind, &threads, &tokens, &model, &cache}) std::getline(lines, *line);
  const Probed p = Probe(kind, std::stoi(threads), model, cache, std::stoul(tokens));
  std::printf("%.9g %.9g %.9g %.17g %.17g %.17g %.17g %.17g\n", p.seconds, p.first_token, p.tokenizer, p.weights, p.kv, p.peak, p.anonymous, p.file);
  std::fflush(stdout);
  std::exit(0);
}

// For the documents and the goals: of the best instruction set, which a load takes.
void KeepLoad(const char* unit, int threads, const std::vector<double>& figure, const std::vector<double>& seconds) {
  Result result;
  result.name = RunningName();
  result.isa = SupportedIsas().front();
  result.threads = threads;
  result.unit = unit;
  result.more_is_better = false;
  result.figure = SpreadOf(figure);
  result.seconds = SpreadOf(seconds);
  Keep(result);
}

void LoadSeconds(benchmark::State& state, int threads, bool cached) {
  const fs::path cache = cached ? Folder() / "packed" : fs::path();
  const int rounds = TheOptions().rounds > 0 ? TheOptions().rounds : TheOptions().quick ? 3 : 7;
  std::vector<double> seconds, first, tokenizer, floors, ratios;
  for (auto _ : state) {
    RunProbe("prepare", threads, cache, 1);  // fills the caches: of files, and of packed weights
    RunProbe("read", threads, {}, 1);
    for (int round = 0; round < rounds; ++round) {
      const Probed floor = RunProbe("read", threads, {}, 1), load = RunProbe("load", threads, cache, 1);
      seconds.push_back(load.seconds);
      first.push_back(load.first_token);
      tokenizer.push_back(load.tokenizer);
      floors.push_back(floor.seconds);
      ratios.push_back(load.seconds / floor.seconds);
    }
  }
  state.counters["seconds"] = Median(seconds);
  state.counters["read_alone_s"] = Median(floors);
  state.counters["to_read_alone"] = Median(ratios);
  state.counters["first_token_s"] = Median(first);
  if (Median(tokenizer) > 0) state.counters["tokenizer_s"] = Median(tokenizer);
  const std::string row = std::string(cached ? "packed cache" : "checkpoint") + " on " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  const char* table = "Load: a checkpoint of 1.2 GB in bf16, from warm caches";
  Record({table, row, "seconds", Median(seconds), 3});
  Record({table, row, "reading alone", Median(floors), 3});
  Record({table, row, "ratio", Median(ratios), 3});
  Record({table, row, "first token", Median(first), 3});
  Record({table, row, "tokenizer", Median(tokenizer), 3});
  KeepLoad("second", threads, seconds, seconds);
}

// A load and the prefill of 256 tokens, so that every page of the KV cache is there.
void LoadMemory(benchmark::State& state, bool cached) {
  const fs::path cache = cached ? Folder() / "packed" : fs::path();
  Probed p;
  for (auto _ : state) {
    if (cached) RunProbe("prepare", AvailableThreads(), cache, 1);
    p = RunProbe("load", AvailableThreads(), cache, 256);
  }
  // Pages of files that are mapped belong to all processes, and the system takes them back where it needs them.
  const double own = cached ? p.anonymous : p.peak - p.file, needs = p.weights + p.kv;
  state.counters["seconds"] = p.seconds;
  state.counters["peak_MB"] = 1e-6 * p.peak;
  state.counters["own_MB"] = 1e-6 * own;
  state.counters["file_MB"] = 1e-6 * p.file;
  state.counters["weights_MB"] = 1e-6 * p.weights;
  state.counters["kv_MB"] = 1e-6 * p.kv;
  const double pages = own + (cached ? p.weights : 0);
  state.counters["to_needs"] = pages / needs;
  const char* table = "Load: memory in MB after 256 tokens (own: anonymous pages; needs: packed weights and KV cache; %: of own and packed)";
  const std::string row = cached ? "packed cache" : "checkpoint";
  Record({table, row, "own", 1e-6 * own});
  Record({table, row, "of files", 1e-6 * p.file});
  Record({table, row, "needs", 1e-6 * needs});
  Record({table, row, "% of needs", 100 * pages / needs});
  KeepLoad("times weights and KV cache", AvailableThreads(), {pages / needs}, {p.seconds});
}

}  // namespace

void RegisterLoads() {
  if (const char* what = std::getenv(kProbe)) AnswerProbe(what);
  for (const bool cached : {false, true}) {
    const std::string name = std::string("Load/") + (cached ? "packed_cache" : "checkpoint");
    for (const int threads : ThreadCounts()) {
      Register(name + "/threads:" + std::to_string(threads), [=](benchmark::State& state) { LoadSeconds(state, threads, cached); });
    }
    Register(name + "/memory", [=](benchmark::State& state) { LoadMemory(state, cached); });
  }
}

}  // namespace invar::bench
