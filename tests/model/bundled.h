// The two bundled checkpoints and what is known about them, for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/score.h"
#include "runtime/weights/safetensors.h"

namespace invar::testing {

inline std::filesystem::path SourceDir() { return INVAR_SOURCE_DIR; }
inline std::filesystem::path ModelDir(const std::string& name) { return SourceDir() / "models" / name; }
inline const std::vector<std::string>& ModelNames() {
  static const std::vector<std::string> names = {"gpt2", "qwen3"};
  return names;
}

// "small" under sanitizers, where everything is many times slower.
inline bool SmallScale() {
  const char* scale = std::getenv("INVAR_TEST_SCALE");
  return scale != nullptr && std::string(scale) == "small";
}

inline nlohmann::json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

// One engine for each model, loaded once: 16 threads, so that every number of threads up to that can be tried.
inline const Engine& EngineOf(const std::string& model) {
  static std::map<std::string, std::unique_ptr<Engine>> engines;
  std::unique_ptr<Engine>& engine = engines[model];
  if (engine == nullptr) engine = std::make_unique<Engine>(ModelDir(model), EngineOptions{"", 16});
  return *engine;
}

// A reference prompt: its ids, the float64 logits of Hugging Face, and 48 greedy tokens on.
struct Reference {
  std::vector<int32_t> ids;
  std::vector<double> logits;
  std::vector<int32_t> greedy;
  double torch_error = 0;  // the largest of PyTorch float32
  std::string fingerprint;
  std::string prompt;
};

template <class T>
std::vector<T> TensorValues(const SafetensorsFile& file, const std::string& name) {
  const TensorView& tensor = file.Get(name);
  std::vector<T> values(tensor.bytes / sizeof(T));
  tensor.CopyTo(values.data());
  return values;
}

inline std::vector<Reference> References(const std::string& model) {
  const std::filesystem::path data = SourceDir() / "tests" / "data";
  const SafetensorsFile file = SafetensorsFile::Open(data / (model + "-reference.safetensors"));
  const nlohmann::json meta = ReadJson(data / (model + "-reference.json"));
  const nlohmann::json fingerprints = ReadJson(data / "fingerprints.json")["logits"][model];
  std::vector<Reference> references;
  for (size_t k = 0; k < meta.size(); ++k) {
    const std::string suffix = "." + std::to_string(k);
    references.push_back({TensorValues<int32_t>(file, "ids" + suffix), TensorValues<double>(file, "logits64" + suffix),
                          TensorValues<int32_t>(file, "greedy" + suffix), meta[k]["max_abs_err_of_fp32_torch"],
                          fingerprints[k], meta[k]["prompt"]});
  }
  return references;
}

// Ids with a fixed seed: text need not make sense to have logits.
inline std::vector<int32_t> RandomIds(const Engine& engine, size_t length, uint64_t seed = 7) {
  std::vector<int32_t> ids(length);
  uint64_t state = seed;
  for (int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    id = static_cast<int32_t>((state >> 33) % engine.vocab_size());
  }
  return ids;
}

// Counts what is compared and says so at the end of the program.
class Comparisons {
 public:
  static void Expect(const std::vector<float>& expected, const std::vector<float>& found, const std::string& how) {
    ASSERT_EQ(expected.size(), found.size()) << how;
    count() += expected.size();
    if (std::memcmp(expected.data(), found.data(), expected.size() * sizeof(float)) == 0) return;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(std::memcmp(&expected[i], &found[i], sizeof(float)), 0)
          << how << ": value " << i << " is " << found[i] << " instead of " << expected[i];
    }
  }
  static size_t& count() {
    static size_t compared = 0;
    return compared;
  }
  static void Report(const char* what) {
    std::printf("[ COMPARED ] %zu values bit by bit: %s\n", count(), what);
    count() = 0;
  }
};

}  // namespace invar::testing
