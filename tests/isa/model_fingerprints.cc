// The corpus of the bundled models: what a user would ask of them, in every way that must not matter.
#include <cstring>

#include "runtime/base/sha256.h"
#include "runtime/engine/generate.h"
#include "runtime/engine/score.h"
#include "runtime/text/tokenizer.h"
#include "tests/isa/fingerprints.h"

namespace invar::testing {
namespace {

constexpr const char* kPrompts[] = {"ROMEO:\nBut soft, what light", "To be, or not to be: that is the question", "Ünïcode — 3·14 ≠ π\n\n"};
constexpr size_t kGenerated = 12;

std::string OneLine(const std::string& text) {
  std::string line;
  for (const char c : text) line += c == '\n' ? std::string("\\n") : std::string(1, c);
  return line;
}

std::string OfIds(const std::vector<int32_t>& ids) {
  Sha256 sha;
  for (const int32_t id : ids) {
    const uint32_t bits = static_cast<uint32_t>(id);
    const uint8_t bytes[4] = {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits >> 16),
                              static_cast<uint8_t>(bits >> 24)};
    sha.Update(bytes, sizeof(bytes));
  }
  return Hex(sha.Finish());
}

}  // namespace

std::vector<NamedFingerprint> ModelFingerprints(const Engine& engine, const std::filesystem::path& directory,
                                                const std::string& isa, Tally& tally) {
  const Kernels& kernels = Kernels::Of(isa);
  const Tokenizer tokenizer = Tokenizer::Load(directory);
  const std::string model = "model " + directory.filename().string();
  std::vector<NamedFingerprint> fingerprints;
  std::vector<GenerateRequest> requests;
  std::vector<std::string> names;
  for (const char* prompt : kPrompts) {
    const std::string name = model + ", '" + OneLine(prompt) + "', ";
    const std::vector<int32_t> ids = tokenizer.Encode(prompt);
    fingerprints.push_back({name + "ids", OfIds(ids)});
    Feeding whole;
    whole.kernels = &kernels;
    whole.threads = 1;
    const std::vector<float> logits = Logits(engine, ids, whole);
    tally.values += logits.size();
    fingerprints.push_back({name + "logits", Fingerprint(logits.data(), logits.size())});

    // Cut, in a batch, on two threads: {chunk, batch, threads}.
    const size_t ways[][3] = {{1, 1, 1}, {5, 3, 2}};
    for (const auto& [chunk, batch, threads] : ways) {
      Feeding feeding = whole;
      feeding.chunk = chunk;
      feeding.batch = batch;
      feeding.threads = static_cast<int>(threads);
      const std::vector<float> other = Logits(engine, ids, feeding);
      tally.compared += other.size();
      if ((other.size() != logits.size() || std::memcmp(other.data(), logits.data(), logits.size() * sizeof(float)) != 0) &&
          tally.unequal.empty()) {
        tally.unequal = isa + ", " + name + "logits differ when fed as: " + feeding.Describe();
      }
    }
    for (const bool seeded : {false, true}) {
      GenerateRequest request;
      request.prompt = ids;
      request.max_tokens = kGenerated;
      if (seeded) {
        request.sampling.temperature = 0.8;
        request.sampling.top_k = 40;
        request.sampling.top_p = 0.95;
        request.sampling.repetition_penalty = 1.1;
        request.sampling.seed = 7;
      }
      requests.push_back(request);
      names.push_back(name + (seeded ? "seeded" : "greedy"));
    }
  }
  const std::vector<GenerateResult> results = Generate(engine, requests, [](size_t, int32_t, float) { return true; });
  for (size_t i = 0; i < results.size(); ++i) {
    tally.values += results[i].ids.size();
    fingerprints.push_back({names[i], OfIds(results[i].ids)});
    fingerprints.push_back({names[i] + " log-probabilities",
                            Fingerprint(results[i].log_probabilities.data(), results[i].log_probabilities.size())});
  }
  return fingerprints;
}

}  // namespace invar::testing
