// Whole models: prefill of a prompt and single decode steps, of GPT-2 124M's and Qwen3-0.6B's dimensions with random
// weights (random_model.h), of the bundled checkpoints, and of those given with --model.
//
// A bundled checkpoint is tiny and lives in the caches, so its figures show the overhead around the kernels and have no
// share of memory's bandwidth.
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/random_model.h"
#include "runtime/kernels/selection.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar::bench {
namespace {

// Multiply-adds of one token outside attention, split where they differ: the head runs for the last token alone.
struct Parameters {
  double layers = 0, head = 0;
};

Parameters ProjectionsOf(const ModelConfig& c) {
  const double width = static_cast<double>(c.hidden_size), inner = static_cast<double>(c.intermediate_size);
  const double q = static_cast<double>(c.heads * c.head_dim), kv = static_cast<double>(c.kv_heads * c.head_dim);
  const double mlp = (c.architecture == Architecture::kGpt2 ? 2 : 3) * width * inner;
  return {static_cast<double>(c.layers) * (width * (q + 2 * kv) + q * width + mlp),
          static_cast<double>(c.vocab_size) * width};
}

// Operations of attention for the positions [from, to).
double AttentionFlops(const ModelConfig& c, size_t from, size_t to) {
  const double pairs = (static_cast<double>(to) * (static_cast<double>(to) + 1) -
                        static_cast<double>(from) * (static_cast<double>(from) + 1)) / 2;
  return 4.0 * static_cast<double>(c.layers * c.heads * c.head_dim) * pairs;
}

// A model to measure: its config is known before it is loaded.
struct Subject {
  std::string name;
  ModelConfig config;
  std::function<std::unique_ptr<Model>()> load;
};

// The model that was asked for last: benchmarks of one model follow one another, and two might not fit in memory.
const Model& LoadedModel(const Subject& subject) {
  static std::string held;
  static std::unique_ptr<Model> model;
  if (model == nullptr || held != subject.name) {
    model.reset();
    model = subject.load();
    held = subject.name;
  }
  return *model;
}

// Bytes of an element of the projections: most of what a model holds.
double WeightSize(const Model& model) {
  return static_cast<double>(model.weight_bytes()) < 3.0 * static_cast<double>(model.parameters()) ? 2 : 4;
}

std::string NameOf(const std::filesystem::path& directory) {
  const std::filesystem::path clean = std::filesystem::absolute(directory).lexically_normal();
  return clean.has_filename() ? clean.filename().string() : clean.parent_path().filename().string();
}

// Feeds `count` tokens after `position` that are already in the cache, and asks for the logits of the last.
void RunModel(benchmark::State& state, const Subject& subject, const std::string& isa, int threads,
              size_t position, size_t count) {
  const Model& model = LoadedModel(subject);
  const Kernels& kernels = Kernels::Of(isa);
  const ModelConfig& config = model.config();
  std::vector<int32_t> ids(std::max(position, count));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7919 % config.vocab_size);
  std::vector<float> logits(config.vocab_size);
  KvCache cache = model.NewCache();
  ForwardBuffers buffers;
  if (position > 0) {
    Team team(PoolOf(AvailableThreads()), AvailableThreads());
    model.Forward(kernels, team, {{&cache, ids.data(), position, position}}, buffers, logits.data());
  }

  const Parameters parameters = ProjectionsOf(config);
  const double kv_bytes = 2.0 * 4 * static_cast<double>(config.layers * config.kv_heads * config.head_dim) *
                          static_cast<double>(position + count);
  Work work;
  work.isa = isa;
  work.threads = threads;
  work.tokens = static_cast<double>(count);
  work.flops = 2 * (parameters.layers * static_cast<double>(count) + parameters.head) +
               AttentionFlops(config, position, position + count);
  work.bytes = (parameters.layers + parameters.head) * WeightSize(model) + kv_bytes;
  work.from_memory = count == 1 && work.bytes > 2.0 * static_cast<double>(LastLevelCache());
  work.call = [&](Team& team) {
    model.Forward(kernels, team, {{&cache, ids.data(), count, count - 1}}, buffers, logits.data());
    cache.SetLength(position);
  };
  const Measured measured = Run(state, work);

  const std::string row =
      subject.name + (count == 1 ? " decode at " + std::to_string(position) : " prefill of " + std::to_string(count));
  const std::string column = isa + " " + std::to_string(threads) + "t";
  Record({"Models: tokens per second", row, column, work.tokens / measured.seconds});
  const double share = count > 1 ? measured.pct_peak : measured.pct_bandwidth;
  if (share > 0) {
    Record({"Models: percent of FMA peak (prefill), of read bandwidth (decode, where the weights exceed the caches)", row,
            column, share});
  }
}

void RegisterModel(const Subject& subject, bool quick) {
  const size_t positions = subject.config.max_positions;
  const size_t prompt = positions >= 512 ? 512 : 256;
  const auto add = [&](const std::string& isa, int threads, size_t position, size_t count) {
    if (position + count > positions) return;
    const std::string what = count == 1 ? "/decode_at:" + std::to_string(position) : "/prefill:" + std::to_string(count);
    Register("Model/" + subject.name + "/" + isa + "/threads:" + std::to_string(threads) + what,
             [=](benchmark::State& state) { RunModel(state, subject, isa, threads, position, count); });
  };
  for (const std::string& isa : OperationIsas()) {
    for (const int threads : ThreadCounts()) {
      add(isa, threads, 0, prompt);
      if (!quick && prompt > 256) add(isa, threads, 0, 256);
      add(isa, threads, 128, 1);
      if (!quick) add(isa, threads, prompt, 1);
    }
  }
}

void RegisterRandom(const std::string& name, const ModelConfig& config, DType dtype) {
  const std::string type = dtype == DType::kF32 ? "f32" : "bf16";
  const auto load = [=] { return MakeRandomModel(config, dtype, PoolOf(AvailableThreads())); };
  RegisterModel({name + "-random/" + type, config, load}, TheOptions().quick);
}

void RegisterCheckpoint(const std::filesystem::path& directory) {
  const std::string name = NameOf(directory);
  try {
    const auto load = [=] { return Model::Load(directory, PoolOf(AvailableThreads())); };
    RegisterModel({name, ModelConfig::Load(directory), load}, TheOptions().quick);
  } catch (const std::exception& e) {
    Register("Model/" + name, [message = std::string(e.what())](benchmark::State&) { throw std::runtime_error(message); });
  }
}

}  // namespace

void RegisterModels() {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    RegisterRandom("gpt2-124m", Gpt2Small(), dtype);
    RegisterRandom("qwen3-0.6b", Qwen3Small(), dtype);
  }
  const std::filesystem::path bundled = std::filesystem::path(INVAR_SOURCE_DIR) / "models";
  RegisterCheckpoint(bundled / "gpt2");
  RegisterCheckpoint(bundled / "qwen3");
  for (const std::filesystem::path& directory : TheOptions().models) RegisterCheckpoint(directory);
}

}  // namespace invar::bench
