// Computes one text's logits in every way that must not matter, and compares every bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/score.h"

namespace invar {

// One way to run.
struct VerifyCase {
  std::string isa;
  int threads = 1;
  size_t batch = 1;
  size_t chunk = 0;        // 0: whole
  bool fresh_load = false;  // the model is read from disk again
};

// Where two runs first part, in the order in which a forward pass computes.
struct Mismatch {
  std::string tensor;
  int layer = -1;  // -1: outside the layers
  size_t position = 0;
  size_t index = 0;
  float expected = 0, found = 0;
};

struct VerifyResult {
  VerifyCase how;
  std::string fingerprint;
  size_t values = 0;  // compared with the first case's
  std::optional<Mismatch> mismatch;
};

// How thorough: demo takes seconds on a small model, full crosses everything.
enum class VerifyPreset { kDemo, kStandard, kFull };

// The cases of a preset for a text of `length` tokens on the instruction sets given, best first. The first case is the
// one that the others are compared with.
std::vector<VerifyCase> VerifyCases(VerifyPreset preset, const std::vector<std::string>& isas, size_t length);

struct VerifyOptions {
  std::filesystem::path model_directory;  // for fresh loads
  std::vector<int32_t> ids;
  std::vector<VerifyCase> cases;
  // Kernels of an instruction set: Kernels::Of, unless a test plants a defect.
  std::function<const Kernels&(const std::string& isa)> kernels = [](const std::string& isa) -> const Kernels& {
    return Kernels::Of(isa);
  };
  // Told of each result as it comes; false stops.
  std::function<bool(const VerifyResult&)> on_result = [](const VerifyResult&) { return true; };
};

// Results of the cases run: all of them, or up to the first unequal bit.
std::vector<VerifyResult> Verify(const Engine& engine, const VerifyOptions& options);

}  // namespace invar
