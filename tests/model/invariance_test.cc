// What must not matter does not: instruction set, threads, batch, chunks, cache, reload, storage of equal values.
#include <algorithm>
#include <set>

#include "runtime/base/atomic_file.h"
#include "runtime/engine/generate.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

class Invariance : public ::testing::TestWithParam<std::string> {
 protected:
  const Engine& engine() const { return EngineOf(GetParam()); }
  size_t positions() const { return engine().model().config().max_positions; }
  // A text and its logits fed whole, by one thread, alone, on the best instruction set.
  std::vector<float> Plain(const std::vector<int32_t>& ids) const {
    Feeding feeding;
    feeding.threads = 1;
    return Logits(engine(), ids, feeding);
  }
  void ExpectSame(const std::vector<float>& expected, const std::vector<int32_t>& ids, const Feeding& feeding) const {
    Comparisons::Expect(expected, Logits(engine(), ids, feeding), feeding.Describe());
  }
};

TEST_P(Invariance, InstructionSets) {
  const std::vector<int32_t> ids = RandomIds(engine(), SmallScale() ? 40 : std::min<size_t>(300, positions()));
  const std::vector<float> expected = Plain(ids);
  for (const std::string& isa : SupportedIsas()) {
    for (const size_t chunk : {size_t{0}, size_t{37}}) {
      Feeding feeding;
      feeding.kernels = &Kernels::Of(isa);
      feeding.threads = 2;
      feeding.chunk = chunk;
      ExpectSame(expected, ids, feeding);
    }
  }
  Comparisons::Report("instruction sets");
}

TEST_P(Invariance, OneToSixteenThreads) {
  const std::vector<int32_t> ids = RandomIds(engine(), SmallScale() ? 40 : 200);
  const std::vector<float> expected = Plain(ids);
  for (int threads = 1; threads <= 16; ++threads) {
    for (const size_t chunk : {size_t{0}, size_t{64}, size_t{1}}) {
      if (SmallScale() && chunk == 1) continue;
      Feeding feeding;
      feeding.threads = threads;
      feeding.chunk = chunk;
      ExpectSame(expected, ids, feeding);
    }
  }
  Comparisons::Report("threads");
}

TEST_P(Invariance, BatchesOfOneToSixtyFourWithRaggedNeighbours) {
  const std::vector<int32_t> ids = RandomIds(engine(), 33);
  const std::vector<float> expected = Plain(ids);
  for (size_t batch = 1; batch <= 64; batch += SmallScale() ? 21 : 1) {
    for (const size_t chunk : {size_t{0}, size_t{1}, size_t{7}}) {
      Feeding feeding;
      feeding.batch = batch;
      feeding.chunk = chunk;
      feeding.threads = 2;
      feeding.seed = batch * 31 + chunk;
      ExpectSame(expected, ids, feeding);
    }
  }
  Comparisons::Report("batches");
}

TEST_P(Invariance, EveryChunkSizeUpToSixtyFourTokens) {
  for (const size_t length : SmallScale() ? std::vector<size_t>{9} : std::vector<size_t>{1, 2, 17, 40, 63, 64}) {
    const std::vector<int32_t> ids = RandomIds(engine(), length, length);
    const std::vector<float> expected = Plain(ids);
    for (size_t chunk = 1; chunk <= length; ++chunk) {
      Feeding feeding;
      feeding.chunk = chunk;
      feeding.threads = 2;
      ExpectSame(expected, ids, feeding);
    }
  }
  Comparisons::Report("every chunk size");
}

TEST_P(Invariance, LengthsAroundLeavesWithADozenChunkings) {
  std::set<size_t> lengths = {1, 255, 256, 257, 511, 513, positions()};
  if (SmallScale()) lengths = {1, 255, std::min<size_t>(257, positions())};
  for (const size_t length : lengths) {
    if (length > positions()) continue;
    const std::vector<int32_t> ids = RandomIds(engine(), length, length);
    const std::vector<float> expected = Plain(ids);
    std::set<size_t> chunks = {1, 2, 3, 16, 37, 64, 100, 127, 128, 200, 255, 256, 257, length / 2 + 1};
    if (SmallScale()) chunks = {37, 256};
    size_t tried = 0;
    for (const size_t chunk : chunks) {
      if (chunk > length) continue;
      Feeding feeding;
      feeding.chunk = chunk;
      feeding.threads = 2;
      ExpectSame(expected, ids, feeding);
      ++tried;
    }
    if (!SmallScale() && length > 256) {
      EXPECT_GE(tried, 12u);
    }
  }
  Comparisons::Report("lengths and chunkings");
}

TEST_P(Invariance, CacheEqualsFullRecomputation) {
  const size_t vocab = engine().vocab_size();
  const std::vector<int32_t> ids = RandomIds(engine(), SmallScale() ? 8 : 64);
  Feeding stepwise;
  stepwise.chunk = 1;
  const std::vector<float> cached = Logits(engine(), ids, stepwise);
  for (size_t length = 1; length <= ids.size(); ++length) {
    const std::vector<float> fresh = Logits(engine(), {ids.begin(), ids.begin() + static_cast<ptrdiff_t>(length)}, {});
    Comparisons::Expect({cached.begin(), cached.begin() + static_cast<ptrdiff_t>(length * vocab)}, fresh,
                        "recomputed at length " + std::to_string(length));
  }
  Comparisons::Report("cache against recomputation");
}

TEST_P(Invariance, ACacheCutBackGoesOnAsIfNothingHadFollowed) {
  const size_t vocab = engine().vocab_size();
  const std::vector<int32_t> ids = RandomIds(engine(), 20), other = RandomIds(engine(), 20, 99);
  const std::vector<float> expected = Plain(ids);
  KvCache cache = engine().model().NewCache();
  std::vector<float> logits(20 * vocab);
  engine().Forward({{&cache, ids.data(), 12, 0}}, logits.data());
  std::vector<float> scratch(20 * vocab);
  engine().Forward({{&cache, other.data(), 7, 0}}, scratch.data());
  cache.SetLength(12);
  engine().Forward({{&cache, ids.data() + 12, 8, 0}}, logits.data() + 12 * vocab);
  Comparisons::Expect(expected, logits, "cut back to 12");
  Comparisons::Report("cache cut back");
}

TEST_P(Invariance, TenReloads) {
  const std::vector<int32_t> ids = RandomIds(engine(), 24);
  const std::vector<float> expected = Plain(ids);
  for (int i = 0; i < 10; ++i) {
    const Engine fresh(ModelDir(GetParam()), EngineOptions{"", 1 + i % 3});
    Comparisons::Expect(expected, Logits(fresh, ids, {}), "reload " + std::to_string(i));
  }
  Comparisons::Report("reloads");
}

// A copy of the checkpoint with every tensor widened to float32 (or, for GPT-2, already float32, its names prefixed).
std::filesystem::path Rewritten(const std::string& model, const std::string& prefix) {
  const std::filesystem::path to =
      std::filesystem::path(::testing::TempDir()) / ("invar-" + model + "-" + std::to_string(::getpid()));
  std::filesystem::create_directories(to);
  for (const char* name : {"config.json", "tokenizer.json", "generation_config.json"}) {
    std::filesystem::copy_file(ModelDir(model) / name, to / name, std::filesystem::copy_options::overwrite_existing);
  }
  const SafetensorsFile file = SafetensorsFile::Open(ModelDir(model) / "model.safetensors");
  std::vector<std::vector<float>> values;
  std::vector<NamedTensor> tensors;
  for (const std::string& name : file.names()) {
    const TensorView& tensor = file.Get(name);
    std::vector<float> wide(tensor.elements());
    if (tensor.dtype == DType::kBF16) {
      std::vector<uint16_t> narrow(tensor.elements());
      tensor.CopyTo(narrow.data());
      for (size_t i = 0; i < wide.size(); ++i) {
        const uint32_t bits = static_cast<uint32_t>(narrow[i]) << 16;
        std::memcpy(&wide[i], &bits, sizeof(bits));
      }
    } else {
      EXPECT_EQ(tensor.dtype, DType::kF32);
      tensor.CopyTo(wide.data());
    }
    values.push_back(std::move(wide));
    tensors.push_back({prefix + name, DType::kF32, tensor.shape, {}});
  }
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].data = std::as_bytes(std::span(values[i]));
  WriteSafetensors(to / "model.safetensors", tensors);
  return to;
}

TEST(Storage, ABf16CheckpointEqualsItsFloat32Copy) {
  const Engine& engine = EngineOf("qwen3");
  const std::filesystem::path copy = Rewritten("qwen3", "");
  const Engine wide(copy, EngineOptions{"", 2});
  for (const size_t length : {1, 33, 300}) {
    const std::vector<int32_t> ids = RandomIds(engine, length);
    const std::vector<float> expected = Logits(engine, ids, {});
    for (const std::string& isa : SupportedIsas()) {
      if (length > 33 && isa != engine.kernels().isa()) continue;
      Feeding feeding;
      feeding.kernels = &Kernels::Of(isa);
      Comparisons::Expect(expected, Logits(wide, ids, feeding), "float32 copy on " + isa);
    }
  }
  std::filesystem::remove_all(copy);
  Comparisons::Report("bf16 against float32");
}

TEST(Storage, NamesWithoutThePrefixOfGpt2AreTheSameModel) {
  const SafetensorsFile file = SafetensorsFile::Open(ModelDir("gpt2") / "model.safetensors");
  const bool prefixed = file.Has("transformer.wte.weight");
  ASSERT_TRUE(prefixed || file.Has("wte.weight"));
  const Engine& engine = EngineOf("gpt2");
  const std::filesystem::path copy = Rewritten("gpt2", prefixed ? "" : "transformer.");
  const std::vector<int32_t> ids = RandomIds(engine, 30);
  Comparisons::Expect(Logits(engine, ids, {}), Logits(Engine(copy, EngineOptions{"", 1}), ids, {}), "renamed");
  std::filesystem::remove_all(copy);
  Comparisons::Report("names");
}

TEST_P(Invariance, LogProbabilitiesWhileSamplingEqualThoseOfTheFinishedText) {
  std::vector<GenerateRequest> requests;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    GenerateRequest request;
    request.prompt = RandomIds(engine(), 5 + seed * 3, seed);
    request.max_tokens = SmallScale() ? 6 : 40;
    request.sampling.temperature = seed == 0 ? 0.0 : 0.7;
    request.sampling.top_p = 0.9;
    request.sampling.repetition_penalty = 1.1;
    request.sampling.logit_bias = {{static_cast<int32_t>(seed), 2.5}};
    request.sampling.seed = seed;
    requests.push_back(request);
  }
  const std::vector<GenerateResult> results = Generate(engine(), requests, nullptr);
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<int32_t> text = requests[i].prompt;
    text.insert(text.end(), results[i].ids.begin(), results[i].ids.end());
    const std::vector<float> scored = LogProbabilities(engine(), text, Logits(engine(), text, {}));
    const auto first = scored.begin() + static_cast<ptrdiff_t>(requests[i].prompt.size()) - 1;
    Comparisons::Expect(results[i].log_probabilities, {first, scored.end()}, "log-probabilities");
    EXPECT_EQ(Generate(engine(), {requests[i]}, nullptr)[0].ids, results[i].ids) << "alone against in a batch";
  }
  Comparisons::Report("log-probabilities while sampling");
}

INSTANTIATE_TEST_SUITE_P(Models, Invariance, ::testing::ValuesIn(ModelNames()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace invar::testing
