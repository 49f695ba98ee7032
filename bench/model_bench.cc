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
#include "bench/model_work.h"
#include "bench/random_model.h"
#include "runtime/kernels/selection.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar::bench {
namespace {

std::string NameOf(const std::filesystem::path& directory) {
  const std::filesystem::path clean = std::filesystem::absolute(directory).lexically_normal();
  return clean.has_filename() ? clean.filename().string() : clean.parent_path().filename().string();
}

// Feeds `count` tokens after `position` that are already in the cache, and asks for the logits of the last.
void RunModel(benchmark::State& state, const Subject& subject, const std::string& isa, int threads,
              size_t position, size_t count) {
  ModelPass pass(LoadedModel(subject), isa, 1, position, count);
  const Work work = pass.OnThreads(threads);
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
    RegisterModel(RandomSubject("gpt2-124m", Gpt2Small(), dtype), TheOptions().quick);
    RegisterModel(RandomSubject("qwen3-0.6b", Qwen3Small(), dtype), TheOptions().quick);
  }
  const std::filesystem::path bundled = std::filesystem::path(INVAR_SOURCE_DIR) / "models";
  RegisterCheckpoint(bundled / "gpt2");
  RegisterCheckpoint(bundled / "qwen3");
  for (const std::filesystem::path& directory : TheOptions().models) RegisterCheckpoint(directory);
}

}  // namespace invar::bench
