#include "runtime/kernels/selection.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <mutex>

#include "runtime/base/error.h"

namespace invar {
namespace {

constexpr std::array<const char*, 3> kTypes = {"f32", "bf16", "f16"};

std::string Upper(std::string_view s) {
  std::string upper(s);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return upper;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

// The registry's name for what a user may call it.
std::string RegistryName(std::string_view isa) {
  const std::string upper = Upper(isa);
  if (upper == "AVX512" || upper == "AVX-512") return "AVX3";
  return upper;
}

}  // namespace

std::vector<std::string> CompiledIsas() {
  std::vector<std::string> names;
  for (const char* const* isa = invar_isas(); *isa != nullptr; ++isa) names.emplace_back(*isa);
  return names;
}

std::vector<std::string> SupportedIsas() {
  std::vector<std::string> names;
  for (const std::string& isa : CompiledIsas()) {
    if (invar_isa_supported(isa.c_str()) != 0) names.push_back(isa);
  }
  return names;
}

const Kernels& Kernels::Of(std::string_view isa) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Kernels>> chosen;
  const std::vector<std::string> supported = SupportedIsas();
  if (supported.empty()) throw Error("this build holds no instruction set that this processor runs; build it here");
  const std::string name = isa.empty() ? supported.front() : RegistryName(isa);
  if (std::find(supported.begin(), supported.end(), name) == supported.end()) {
    const std::vector<std::string> compiled = CompiledIsas();
    const bool known = std::find(compiled.begin(), compiled.end(), name) != compiled.end();
    throw UsageError("--isa " + std::string(isa) + ": " +
                     (known ? "this processor does not run it" : "no such instruction set is compiled in") +
                     "; choose one of " + Joined(supported));
  }
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Kernels>& kernels = chosen[name];
  if (kernels == nullptr) {
    if (const char* wrong = invar_self_test(name.c_str())) {
      throw Error("self-test of " + name + " failed: " + wrong + "; this build cannot keep Invar's promise");
    }
    kernels.reset(new Kernels(name));
  }
  return *kernels;
}

Kernels Kernels::WithMatmuls(const std::vector<invar_kernel>& kernels) const {
  Kernels copy = *this;
  for (const invar_kernel& kernel : kernels) {
    if (isa_ != kernel.isa || kernel.family != INVAR_FAMILY_MATMUL) continue;
    for (size_t type = 0; type < kTypes.size(); ++type) {
      if (std::string_view(kTypes[type]) != kernel.type) continue;
      if (kernel.rows < copy.matmul_[type].size()) copy.matmul_[type][kernel.rows] = &kernel;
    }
  }
  return copy;
}

Kernels Kernels::InOnePass() const {
  Kernels copy = *this;
  copy.most_terms_ = SIZE_MAX;
  return copy;
}

const invar_kernel& Kernels::Find(std::string_view operation, std::string_view type) const {
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  for (size_t i = 0; i < count; ++i) {
    if (isa_ == all[i].isa && operation == all[i].operation && type == all[i].type) return all[i];
  }
  throw Error("kernel " + std::string(operation) + "/" + std::string(type) + " was not compiled for " + isa_ +
              "; it is missing from codegen/kernels.yaml");
}

Kernels::Kernels(const std::string& isa) : isa_(isa) {
  gelu_tanh = Find("gelu_tanh", "f32").call.map;
  constexpr std::array<const char*, 7> kActivations = {nullptr,       "gelu_tanh", "gelu_erf", "quick_gelu",
                                                       "silu", "relu",      "tanh"};
  for (size_t i = 0; i < kActivations.size(); ++i) {
    activation[i] = kActivations[i] == nullptr ? nullptr : Find(kActivations[i], "f32").call.map;
  }
  swiglu = Find("swiglu", "f32").call.map;
  exp = Find("exp", "f32").call.map;
  sin = Find("sin", "f32").call.map;
  cos = Find("cos", "f32").call.map;
  layer_norm = Find("layer_norm", "f32").call.rows_;
  rms_norm = Find("rms_norm", "f32").call.rows_;
  softmax = Find("softmax", "f32").call.rows_;
  log_softmax = Find("log_softmax", "f32").call.rows_;
  argmax = Find("argmax", "f32").call.reduce;
  rope = Find("rope", "f32").call.rope;
  attention_leaf = Find("attention_leaf", "f32").call.attention_leaf;
  attention_merge = Find("attention_merge", "f32").call.attention_merge;
  attention_finish = Find("attention_finish", "f32").call.attention_finish;
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  for (size_t type = 0; type < kTypes.size(); ++type) {
    embedding[type] = Find("embedding", kTypes[type]).call.embedding;
    std::vector<const invar_kernel*>& tiles = matmul_[type];
    for (size_t i = 0; i < count; ++i) {
      if (isa_ != all[i].isa || all[i].family != INVAR_FAMILY_MATMUL || std::string_view(kTypes[type]) != all[i].type) {
        continue;
      }
      if (tiles.size() <= all[i].rows) tiles.resize(all[i].rows + 1);
      tiles[all[i].rows] = &all[i];
    }
    if (tiles.size() < 2 || std::find(tiles.begin() + 1, tiles.end(), nullptr) != tiles.end()) {
      throw Error("matmul/" + std::string(kTypes[type]) + " lacks a tile for some row count on " + isa_ +
                  "; every count up to the greatest must be in codegen/kernels.yaml");
    }
  }
}

}  // namespace invar
