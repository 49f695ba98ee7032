#include "bench/model_work.h"

#include "bench/random_model.h"
#include "runtime/kernels/selection.h"

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

// Bytes of an element of the projections: most of what a model holds.
double WeightSize(const Model& model) {
  return static_cast<double>(model.weight_bytes()) < 3.0 * static_cast<double>(model.parameters()) ? 2 : 4;
}

// Keys and values of `length` positions, without computing them.
void Fill(const ModelConfig& c, const Kernels& kernels, size_t length, KvCache& cache) {
  cache.Reserve(length);
  Team team(PoolOf(AvailableThreads()), AvailableThreads());
  Scratch unused;
  const size_t width = c.kv_heads * c.head_dim;
  const AttentionShape shape = {c.heads, c.kv_heads, c.head_dim, 1.0f, 0};
  std::vector<float> k = Values(length * width, -1, 1, 1), v = Values(length * width, -1, 1, 2);
  const int64_t stride = static_cast<int64_t>(width);
  for (size_t layer = 0; layer < c.layers; ++layer) {
    StoreKeysAndValues({kernels, team, unused}, shape, {0, length, 0, cache.layer(layer)}, {k.data(), stride},
                       {v.data(), stride});
  }
  cache.SetLength(length);
}

}  // namespace

Subject RandomSubject(const std::string& name, const ModelConfig& config, DType dtype) {
  const std::string type = dtype == DType::kF32 ? "f32" : "bf16";
  const auto load = [=] { return MakeRandomModel(config, dtype, PoolOf(AvailableThreads())); };
  return {name + "-random/" + type, config, load};
}

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

ModelPass::ModelPass(const Model& model, const std::string& isa, size_t sequences, size_t position, size_t count)
    : model_(model), kernels_(Kernels::Of(isa)), position_(position), count_(count), ids_(count),
      logits_(sequences * model.config().vocab_size) {
  for (size_t i = 0; i < count; ++i) ids_[i] = static_cast<int32_t>(i * 7919 % model.config().vocab_size);
  for (size_t i = 0; i < sequences; ++i) {
    caches_.push_back(model.NewCache());
    if (position > 0) Fill(model.config(), kernels_, position, caches_.back());
  }
  for (KvCache& cache : caches_) inputs_.push_back({&cache, ids_.data(), count, count - 1});
}

Work ModelPass::OnThreads(int threads) {
  const ModelConfig& c = model_.config();
  const double sequences = static_cast<double>(caches_.size()), count = static_cast<double>(count_);
  const Parameters parameters = ProjectionsOf(c);
  const double kv_bytes = 2.0 * 4 * static_cast<double>(c.layers * c.kv_heads * c.head_dim * (position_ + count_));
  Work work;
  work.isa = kernels_.isa();
  work.threads = threads;
  work.tokens = sequences * count;
  work.flops = sequences * (2 * (parameters.layers * count + parameters.head) + AttentionFlops(c, position_, position_ + count_));
  work.bytes = (parameters.layers + parameters.head) * WeightSize(model_) + sequences * kv_bytes;
  work.from_memory = count_ == 1 && work.bytes > 2.0 * static_cast<double>(LastLevelCache());
  work.call = [this](Team& team) {
    model_.Forward(kernels_, team, inputs_, buffers_, logits_.data());
    for (KvCache& cache : caches_) cache.SetLength(position_);
  };
  return work;
}

}  // namespace invar::bench
