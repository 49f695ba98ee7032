// Whole models: prefill of a prompt and single decode steps, on the bundled checkpoints and on those given with --model.
//
// A bundled checkpoint is tiny and lives in the caches, so its figures show the overhead around the kernels and have no
// share of memory's bandwidth; make_checkpoint.py writes checkpoints of real dimensions.
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness.h"
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

// The model that was asked for last: benchmarks of one model follow one another, and two might not fit in memory.
const Model& LoadedModel(const std::filesystem::path& directory) {
  static std::filesystem::path held;
  static std::unique_ptr<Model> model;
  if (model == nullptr || held != directory) {
    model.reset();
    model = Model::Load(directory, PoolOf(AvailableThreads()));
    held = directory;
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
void RunModel(benchmark::State& state, const std::filesystem::path& directory, const std::string& isa, int threads,
              size_t position, size_t count) {
  const Model& model = LoadedModel(directory);
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
      NameOf(directory) + (count == 1 ? " decode at " + std::to_string(position) : " prefill of " + std::to_string(count));
  const std::string column = isa + " " + std::to_string(threads) + "t";
  Record({"Models: tokens per second", row, column, work.tokens / measured.seconds});
  const double share = count > 1 ? measured.pct_peak : measured.pct_bandwidth;
  if (share > 0) {
    Record({"Models: percent of FMA peak (prefill), of read bandwidth (decode, where the weights exceed the caches)", row,
            column, share});
  }
}

void RegisterModel(const std::filesystem::path& directory) {
  const std::string name = NameOf(directory);
  size_t positions = 0;
  try {
    positions = ModelConfig::Load(directory).max_positions;
  } catch (const std::exception& e) {
    Register("Model/" + name, [message = std::string(e.what())](benchmark::State&) { throw std::runtime_error(message); });
    return;
  }
  const size_t prompt = positions >= 512 ? 512 : 256;
  const auto add = [&](const std::string& isa, int threads, size_t position, size_t count) {
    if (position + count > positions) return;
    const std::string what = count == 1 ? "/decode_at:" + std::to_string(position) : "/prefill:" + std::to_string(count);
    Register("Model/" + name + "/" + isa + "/threads:" + std::to_string(threads) + what,
             [=](benchmark::State& state) { RunModel(state, directory, isa, threads, position, count); });
  };
  for (const std::string& isa : OperationIsas()) {
    for (const int threads : ThreadCounts()) {
      add(isa, threads, 0, prompt);
      if (!TheOptions().quick && prompt > 256) add(isa, threads, 0, 256);
      add(isa, threads, 128, 1);
      if (!TheOptions().quick) add(isa, threads, prompt, 1);
    }
  }
}

}  // namespace

void RegisterModels() {
  const std::filesystem::path bundled = std::filesystem::path(INVAR_SOURCE_DIR) / "models";
  RegisterModel(bundled / "gpt2");
  RegisterModel(bundled / "qwen3");
  for (const std::filesystem::path& directory : TheOptions().models) RegisterModel(directory);
}

}  // namespace invar::bench
