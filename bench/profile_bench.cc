// The part of a prefill of 512 tokens that the small operations take (softmax, norms, activations, rope, embedding), at
// the dimensions of GPT-2 124M and Qwen3-0.6B: what invar generate --profile says of a real prompt, and the same report.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/random_model.h"
#include "runtime/cli/profile_report.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

void RunProfile(benchmark::State& state, const std::string& name, const ModelConfig& config, DType dtype,
                const std::string& isa, int threads) {
  constexpr size_t kTokens = 512;
  const std::unique_ptr<Model> model = MakeRandomModel(config, dtype, PoolOf(AvailableThreads()));
  const Kernels& kernels = Kernels::Of(isa);
  std::vector<int32_t> ids(kTokens);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7919 % config.vocab_size);
  std::vector<float> logits(config.vocab_size);
  KvCache cache = model->NewCache();
  ForwardBuffers buffers;
  Team team(PoolOf(threads), threads);
  const auto pass = [&](Profile* profile) {
    const auto start = std::chrono::steady_clock::now();
    model->Forward(kernels, team, {{&cache, ids.data(), kTokens, kTokens - 1}}, buffers, logits.data(), nullptr, nullptr,
                   profile);
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    cache.SetLength(0);
    return static_cast<int64_t>(spent.count());
  };
  std::vector<double> shares, seconds;
  std::string report;
  for (auto _ : state) {
    pass(nullptr);
    const int rounds = TheOptions().rounds > 0 ? TheOptions().rounds : TheOptions().quick ? 3 : 7;
    for (int round = 0; round < rounds; ++round) {
      Profile profile;
      const int64_t nanoseconds = pass(&profile);
      const cli::SoftmaxCost softmax = cli::MeasureSoftmax(kernels, threads);
      shares.push_back(cli::SmallPercent(nanoseconds, profile, softmax));
      seconds.push_back(1e-9 * static_cast<double>(nanoseconds));
      report = cli::ProfileReport("prefill", kTokens, nanoseconds, profile, softmax);
    }
  }
  Result result;
  result.name = RunningName();
  result.isa = isa;
  result.threads = threads;
  result.unit = "percent of prefill";
  result.more_is_better = false;
  result.figure = SpreadOf(shares);
  result.seconds = SpreadOf(seconds);
  Keep(result);
  state.counters["seconds"] = result.seconds.median;
  state.counters["pct_small"] = result.figure.median;
  Record({"Profile: small operations' percent of a prefill of 512 tokens", name,
          isa + " " + std::to_string(threads) + "t", result.figure.median});
  std::fprintf(stderr, "%s, %s, %d thread%s: %s", name.c_str(), isa.c_str(), threads, threads == 1 ? "" : "s", report.c_str());
}

}  // namespace

void RegisterProfiles() {
  const bool quick = TheOptions().quick;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    if (quick && dtype != DType::kF32) continue;
    for (const auto& [name, config] : {std::pair{"gpt2-124m-random", Gpt2Small()}, std::pair{"qwen3-0.6b-random", Qwen3Small()}}) {
      for (const std::string& isa : OperationIsas()) {
        for (const int threads : quick ? std::vector<int>{ThreadCounts().front()} : ThreadCounts()) {
          const std::string full = std::string(name) + (dtype == DType::kF32 ? "/f32" : "/bf16");
          Register("Profile/" + full + "/" + isa + "/threads:" + std::to_string(threads) + "/prefill:512",
                   [=, config = config](benchmark::State& state) { RunProfile(state, full, config, dtype, isa, threads); });
        }
      }
    }
  }
}

}  // namespace invar::bench
