#include "runtime/engine/verify.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/sha256.h"
#include "runtime/base/version.h"

namespace invar {
namespace {

bool SameBits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

// Keeps a text's tensors, all positions side by side, in the order in which they first appear.
class Recorder final : public Observer {
 public:
  struct Tensor {
    std::string name;
    int layer;
    size_t columns;
    std::vector<float> values;  // [positions][columns]
  };

  void OnTensor(const char* name, int layer, size_t rows, size_t columns, const float* values,
                int64_t stride) override {
    const auto [it, added] = index_.try_emplace({layer, name}, tensors_.size());
    if (added) tensors_.push_back({name, layer, columns, {}});
    std::vector<float>& kept = tensors_[it->second].values;
    for (size_t r = 0; r < rows; ++r) {
      const float* row = values + static_cast<int64_t>(r) * stride;
      kept.insert(kept.end(), row, row + columns);
    }
  }

  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  std::map<std::pair<int, std::string>, size_t> index_;
  std::vector<Tensor> tensors_;
};

std::optional<Mismatch> FirstDifference(const std::string& name, int layer, size_t columns,
                                        const std::vector<float>& expected, const std::vector<float>& found) {
  for (size_t i = 0; i < expected.size() && i < found.size(); ++i) {
    if (!SameBits(&expected[i], &found[i], 1)) {
      return Mismatch{name, layer, i / columns, i % columns, expected[i], found[i]};
    }
  }
  return std::nullopt;
}

Feeding FeedingOf(const VerifyCase& how, const Kernels& kernels) {
  Feeding feeding;
  feeding.chunk = how.chunk;
  feeding.batch = how.batch;
  feeding.kernels = &kernels;
  feeding.threads = how.threads;
  return feeding;
}

// Both ways again, watched: the earliest tensor that differs is where to look.
Mismatch Locate(const Engine& engine, const Engine& other, const VerifyOptions& options, const VerifyCase& how,
                const std::vector<float>& expected, const std::vector<float>& found) {
  Recorder a, b;
  Feeding first = FeedingOf(options.cases[0], options.kernels(options.cases[0].isa));
  first.observer = &a;
  Logits(engine, options.ids, first);
  Feeding second = FeedingOf(how, options.kernels(how.isa));
  second.observer = &b;
  Logits(other, options.ids, second);
  for (size_t i = 0; i < std::min(a.tensors().size(), b.tensors().size()); ++i) {
    const Recorder::Tensor& t = a.tensors()[i];
    if (auto m = FirstDifference(t.name, t.layer, t.columns, t.values, b.tensors()[i].values)) return *m;
  }
  return FirstDifference("logits", -1, engine.vocab_size(), expected, found).value_or(Mismatch{"logits"});
}

// The first tensor of the file, in order of computation, that this run has otherwise. Names that the run does not know are
// another release's, and say nothing.
const FingerprintFile::Tensor* FirstOther(const FingerprintFile& file, const std::vector<FingerprintFile::Tensor>& found,
                                          std::string* hash) {
  std::map<std::pair<int, std::string>, const std::string*> known;
  for (const FingerprintFile::Tensor& t : found) known[{t.layer, t.name}] = &t.sha256;
  for (const FingerprintFile::Tensor& t : file.tensors) {
    const auto it = known.find({t.layer, t.name});
    if (it == known.end() || *it->second == t.sha256) continue;
    *hash = *it->second;
    return &t;
  }
  return nullptr;
}

// Compares a run with the file. `tensors`: of this run, or empty where they were not watched.
std::optional<Parting> Compare(const Engine& engine, const VerifyOptions& options, const VerifyCase& how,
                               const std::string& fingerprint, const std::vector<float>& logits,
                               std::vector<FingerprintFile::Tensor> tensors) {
  const FingerprintFile& file = *options.expected;
  const bool same = fingerprint == file.logits;
  if (!same && tensors.empty()) {
    HashingObserver observer;
    Feeding again = FeedingOf(how, options.kernels(how.isa));
    again.observer = &observer;
    Logits(engine, options.ids, again);
    tensors = observer.Finish();
  }
  Parting parting;
  std::string hash;
  if (const FingerprintFile::Tensor* tensor = FirstOther(file, tensors, &hash)) {
    parting.tensor = tensor->name;
    parting.layer = tensor->layer;
    parting.expected = tensor->sha256;
    parting.found = hash;
  }
  const std::vector<std::string> positions = PositionFingerprints(logits, engine.vocab_size());
  const auto [expected, found] = std::mismatch(file.positions.begin(), file.positions.end(), positions.begin(), positions.end());
  if (same != (expected == file.positions.end())) {
    throw Error(options.source + " contradicts itself: the SHA-256 of all logits and those of the positions cannot be of the "
                "same logits; get the original");
  }
  if (!same) {
    parting.position = static_cast<size_t>(expected - file.positions.begin());
    parting.expected = *expected;
    parting.found = *found;
  }
  if (same && parting.tensor.empty()) return std::nullopt;
  return parting;
}

}  // namespace

std::vector<VerifyCase> VerifyCases(VerifyPreset preset, const std::vector<std::string>& isas, size_t length) {
  const auto chunks_of = [length](std::vector<size_t> chunks) {
    std::vector<size_t> kept;
    for (const size_t c : chunks) {
      if (c < length && std::find(kept.begin(), kept.end(), c) == kept.end()) kept.push_back(c);
    }
    return kept;
  };
  std::vector<VerifyCase> cases;
  const auto add = [&cases](const std::string& isa, int threads, size_t batch, size_t chunk, bool fresh = false) {
    cases.push_back({isa, threads, batch, chunk, fresh});
  };
  for (const std::string& isa : isas) {
    add(isa, 1, 1, 0);
    if (preset == VerifyPreset::kDemo) {
      add(isa, 2, 3, 0);
      add(isa, 2, 1, length > 5 ? 5 : 1);
      add(isa, 1, 8, 1);
    } else if (preset == VerifyPreset::kStandard) {
      for (const int threads : {2, 3, 4, 8, 16}) add(isa, threads, 1, 0);
      for (const size_t batch : {2, 3, 5, 8, 16, 64}) add(isa, 2, batch, 0);
      for (const size_t chunk : chunks_of({1, 2, 3, 7, 16, 64, 255, length / 2, length - 1})) add(isa, 2, 1, chunk);
      for (const size_t batch : {2, 8, 64}) {
        for (const size_t chunk : chunks_of({1, 5, length / 2})) add(isa, 3, batch, chunk);
      }
    } else {
      for (const int threads : {1, 2, 3, 4, 8, 16}) {
        for (const size_t batch : {1, 2, 3, 4, 7, 8, 16, 31, 64}) {
          for (const size_t chunk : chunks_of({0, 1, 2, 3, 5, 8, 16, 17, 64, 255, 256, 257, length / 2, length - 1})) {
            if (threads != 1 || batch != 1 || chunk != 0) add(isa, threads, batch, chunk);
          }
        }
      }
    }
    add(isa, 2, 1, 0, true);
  }
  return cases;
}

Coverage Cover(const Engine& engine, const FingerprintFile& file, const std::string& source) {
  const ModelConfig& config = engine.model().config();
  for (const int32_t id : file.ids) {
    if (static_cast<size_t>(id) < engine.vocab_size()) continue;
    throw Error(source + " has the token id " + std::to_string(id) + ", which is outside the model's vocabulary of " +
                std::to_string(engine.vocab_size()) + "; get the original");
  }
  if (file.ids.size() > config.max_positions) {
    throw Error(source + " has " + std::to_string(file.ids.size()) + " ids, and the model has " + std::to_string(config.max_positions) +
                " positions; get the original");
  }
  // Names depend on the model alone, so one token tells them.
  HashingObserver observer;
  Feeding feeding;
  feeding.observer = &observer;
  Logits(engine, {file.ids[0]}, feeding);
  std::map<std::pair<int, std::string>, bool> known;
  for (const FingerprintFile::Tensor& t : observer.Finish()) known[{t.layer, t.name}] = true;
  Coverage coverage;
  coverage.in_file = file.tensors.size();
  coverage.in_model = known.size();
  for (const FingerprintFile::Tensor& t : file.tensors) {
    if (known.contains({t.layer, t.name})) {
      ++coverage.compared;
      continue;
    }
    const std::string name = Quoted(t.name) + (t.layer < 0 ? "" : " of layer " + std::to_string(t.layer));
    if (t.layer >= 0 && static_cast<size_t>(t.layer) >= config.layers) {
      throw Error(source + " has the tensor " + name + ", and the model has " + std::to_string(config.layers) +
                  " layers, counted from 0; get the original");
    }
    if (file.header.program == kVersion) {
      throw Error(source + " has the tensor " + name + ", which this model does not have here, though the file says that invar " + kVersion +
                  " wrote it; get the original, or export it anew");
    }
    coverage.passed_over.push_back(name);
  }
  return coverage;
}

std::vector<VerifyResult> Verify(const Engine& engine, const VerifyOptions& options) {
  std::vector<VerifyResult> results;
  std::vector<float> expected;
  for (const VerifyCase& how : options.cases) {
    std::unique_ptr<Engine> fresh;
    if (how.fresh_load) {
      fresh = std::make_unique<Engine>(options.model_directory, EngineOptions{how.isa, how.threads});
    }
    const Engine& used = fresh == nullptr ? engine : *fresh;
    HashingObserver observer;
    Feeding feeding = FeedingOf(how, options.kernels(how.isa));
    if (options.expected != nullptr && results.empty()) feeding.observer = &observer;
    const std::vector<float> found = Logits(used, options.ids, feeding);
    VerifyResult result = {how, Fingerprint(found.data(), found.size()), 0, std::nullopt, std::nullopt};
    if (options.expected != nullptr) {
      result.values = found.size();
      result.parting = Compare(used, options, how, result.fingerprint, found, observer.Finish());
    }
    if (results.empty()) {
      expected = found;
    } else {
      result.values = found.size();
      if (found.size() != expected.size() || !SameBits(found.data(), expected.data(), found.size())) {
        result.mismatch = Locate(engine, used, options, how, expected, found);
      }
    }
    results.push_back(result);
    if (!options.on_result(result) || !result.equal()) break;
  }
  return results;
}

}  // namespace invar
