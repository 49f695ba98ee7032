// A bundled checkpoint with changes: its config and tensors as plain data, to alter and write into a folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"

namespace invar::testing {

struct Checkpoint {
  struct Tensor {
    DType dtype = DType::kF32;
    std::vector<uint64_t> shape;
    std::vector<std::byte> data;
  };
  nlohmann::json config;
  std::map<std::string, Tensor> tensors;

  static Checkpoint Of(const std::string& model) {
    Checkpoint checkpoint;
    checkpoint.config = ReadJson(ModelDir(model) / "config.json");
    const SafetensorsFile file = SafetensorsFile::Open(ModelDir(model) / "model.safetensors");
    for (const std::string& name : file.names()) {
      const TensorView& view = file.Get(name);
      Tensor tensor = {view.dtype, view.shape, std::vector<std::byte>(view.bytes)};
      view.CopyTo(tensor.data.data());
      checkpoint.tensors.emplace(name, std::move(tensor));
    }
    return checkpoint;
  }

  void Set(const std::string& name, const std::vector<uint64_t>& shape, const std::vector<float>& values) {
    Tensor tensor = {DType::kF32, shape, std::vector<std::byte>(values.size() * sizeof(float))};
    std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
    tensors[name] = std::move(tensor);
  }

  // Into a folder that holds the model's other files too, or none.
  void Write(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    std::vector<NamedTensor> list;
    for (const auto& [name, t] : tensors) list.push_back({name, t.dtype, t.shape, t.data});
    WriteSafetensors(folder / "model.safetensors", list);
    WriteText(folder / "config.json", config.dump());
  }

  // The logits of these ids, fed in this way.
  std::vector<float> LogitsOf(const std::vector<int32_t>& ids, const Feeding& feeding = {}) const {
    const TemporaryDirectory folder;
    Write(folder.path());
    return Logits(Engine(folder.path(), EngineOptions{"", 2}), ids, feeding);
  }

  // The sentence with which it is refused; empty where it loads and computes.
  std::string Refusal(const std::vector<int32_t>& ids) const {
    try {
      LogitsOf(ids);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }
};

// Ids with a fixed seed for a model that has no engine yet.
inline std::vector<int32_t> SomeIds(size_t length, int32_t vocabulary = 1024) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>((i * 7919 + 31) % static_cast<size_t>(vocabulary)));
  return ids;
}

// Values with a fixed seed, between -scale and scale.
inline std::vector<float> SomeValues(size_t count, uint64_t seed, float scale) {
  std::vector<float> values(count);
  uint64_t state = seed * 2654435761u + 1;
  for (float& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = scale * (static_cast<float>(state >> 40) / 8388608.0f - 1.0f);
  }
  return values;
}

}  // namespace invar::testing
