#include "runtime/engine/score.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"

namespace invar {
namespace {

// A small generator for the neighbours' tokens: any would do, but it must not differ between standard libraries.
class Mixer {
 public:
  explicit Mixer(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t bound) {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  uint64_t state_;
};

// Passes on the rows of one sequence of the batch.
class RowsOfOne final : public Observer {
 public:
  RowsOfOne(Observer* to, size_t first, size_t count) : to_(to), first_(first), count_(count) {}
  void OnTensor(const char* name, int layer, size_t, size_t columns, const float* values, int64_t stride) override {
    to_->OnTensor(name, layer, count_, columns, values + static_cast<int64_t>(first_) * stride, stride);
  }

 private:
  Observer* to_;
  size_t first_, count_;
};

}  // namespace

std::string Feeding::Describe() const {
  std::string text;
  if (kernels != nullptr) text += "isa " + kernels->isa() + ", ";
  text += "threads " + (threads == 0 ? std::string("all") : std::to_string(threads));
  text += ", batch " + std::to_string(batch);
  text += ", chunk " + (chunk == 0 ? std::string("whole") : std::to_string(chunk));
  return text;
}

std::vector<float> Logits(const Engine& engine, const std::vector<int32_t>& ids, const Feeding& feeding) {
  if (ids.empty()) throw UsageError("there is no token to compute logits for; give a prompt or ids");
  if (feeding.batch == 0) throw UsageError("--batch must be at least 1");
  const Model& model = engine.model();
  const size_t vocab = engine.vocab_size(), positions = model.config().max_positions;
  model.RequirePositions(ids.size());
  RequireMemory(SaturatingMultiply(ids.size(), vocab * sizeof(float)), "the logits of " + std::to_string(ids.size()) +
                " tokens need", "score a shorter text");
  const size_t chunk = feeding.chunk == 0 ? ids.size() : feeding.chunk;

  // The text rides in the middle of the batch; each neighbour begins with a history of its own and ends when it will.
  struct Neighbour {
    KvCache cache;
    std::vector<int32_t> ids;
    size_t fed = 0;
  };
  Mixer mixer(feeding.seed);
  std::vector<Neighbour> neighbours;
  for (size_t i = 1; i < feeding.batch; ++i) {
    Neighbour n = {model.NewCache(), {}, 0};
    n.ids.resize(1 + mixer.Below(std::min<size_t>(positions, ids.size() + 32)));
    for (int32_t& id : n.ids) id = static_cast<int32_t>(mixer.Below(vocab));
    neighbours.push_back(std::move(n));
  }
  const size_t slot = (feeding.batch - 1) / 2;

  KvCache cache = model.NewCache();
  std::vector<float> logits(ids.size() * vocab);
  std::vector<float> all;
  for (size_t begin = 0; begin < ids.size(); begin += chunk) {
    const size_t count = std::min(chunk, ids.size() - begin);
    std::vector<SequenceInput> batch;
    size_t wanted = 0, own_sequence = 0, own_row = 0, own_wanted = 0, rows = 0;
    for (size_t i = 0; i <= neighbours.size(); ++i) {
      if (i == slot) {
        own_sequence = batch.size();
        own_row = rows;
        own_wanted = wanted;
        batch.push_back({&cache, ids.data() + begin, count, 0});
        rows += count;
        wanted += count;
      }
      if (i == neighbours.size()) break;
      Neighbour& n = neighbours[i];
      const size_t feed = std::min<size_t>(n.ids.size() - n.fed, 1 + mixer.Below(2 * count));
      if (feed == 0) continue;
      batch.push_back({&n.cache, n.ids.data() + n.fed, feed, feed - 1});
      n.fed += feed;
      rows += feed;
      wanted += 1;
    }
    RowsOfOne own(feeding.observer, own_row, count);
    std::vector<std::string> failures;
    const Engine::Run run = {feeding.kernels, feeding.threads, feeding.observer == nullptr ? nullptr : &own, &failures};
    if (batch.size() == 1) {
      engine.Forward(batch, logits.data() + begin * vocab, run);
    } else {
      all.resize(wanted * vocab);
      engine.Forward(batch, all.data(), run);
      std::copy_n(all.begin() + static_cast<ptrdiff_t>(own_wanted * vocab), count * vocab,
                  logits.begin() + static_cast<ptrdiff_t>(begin * vocab));
    }
    // A neighbour's failure is its own.
    if (!failures[own_sequence].empty()) throw Error(failures[own_sequence]);
  }
  return logits;
}

float LogProbability(const Kernels& kernels, const float* logits, size_t vocab_size, int32_t id) {
  static thread_local std::vector<float> y;  // kept from token to token, as sampling's
  y.resize(vocab_size);
  const int64_t stride = static_cast<int64_t>(vocab_size);
  const invar_rows_args args = {1, vocab_size, logits, stride, nullptr, nullptr, 0, y.data(), stride};
  kernels.log_softmax(&args);
  return y[static_cast<size_t>(id)];
}

std::vector<float> LogProbabilities(const Engine& engine, const std::vector<int32_t>& ids,
                                    const std::vector<float>& logits) {
  std::vector<float> values;
  const size_t vocab = engine.vocab_size();
  for (size_t t = 1; t < ids.size(); ++t) {
    values.push_back(LogProbability(engine.kernels(), logits.data() + (t - 1) * vocab, vocab, ids[t]));
  }
  return values;
}

}  // namespace invar
