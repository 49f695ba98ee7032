// Computes one text's logits in every way that must not matter, and compares every bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/fingerprint_file.h"
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

// Where a run parts from a file of fingerprints.
struct Parting {
  std::optional<size_t> position;          // the first whose logits differ; nothing where only a tensor inside the model does
  std::string expected, found;             // SHA-256 of its logits, or of the tensor
  std::string tensor;                      // the first, in order of computation, that differs; empty where none that both know does
  int layer = -1;                          // of the tensor; -1: outside the layers
};

struct VerifyResult {
  VerifyCase how;
  std::string fingerprint;
  size_t values = 0;  // compared with the first case's, or with the file's by their SHA-256
  std::optional<Mismatch> mismatch;
  std::optional<Parting> parting;

  bool equal() const { return !mismatch && !parting; }
};

// How thorough: demo takes seconds on a small model, full crosses everything.
enum class VerifyPreset { kDemo, kStandard, kFull };

// The cases of a preset for a text of `length` tokens on the instruction sets given, best first. The first case is the
// one that the others are compared with.
std::vector<VerifyCase> VerifyCases(VerifyPreset preset, const std::vector<std::string>& isas, size_t length);

// How many of a file's tensors inside the model a run compares.
struct Coverage {
  size_t compared = 0, in_file = 0, in_model = 0;
  std::vector<std::string> passed_over;  // as sentences name them: those of another release, which this one does not know
};

// Before anything is compared; messages call the file `source`. Throws Error for a file that the model cannot be asked for (ids
// outside the vocabulary, or more than it has positions) or whose tensors it cannot have: of a layer beyond its last, or of a
// name that this release, which wrote the file, does not know.
Coverage Cover(const Engine& engine, const FingerprintFile& file, const std::string& source);

struct VerifyOptions {
  std::filesystem::path model_directory;  // for fresh loads
  std::vector<int32_t> ids;
  std::vector<VerifyCase> cases;
  // Null, or what every case is compared with beside the first; its ids are the ones above. The first case's tensors inside
  // the model are compared too.
  const FingerprintFile* expected = nullptr;
  std::string source = "the file of fingerprints";  // what messages call it
  std::optional<Coverage> coverage;  // of that file, for whoever reports
  // Kernels of an instruction set: Kernels::Of, unless a test plants a defect.
  std::function<const Kernels&(const std::string& isa)> kernels = [](const std::string& isa) -> const Kernels& {
    return Kernels::Of(isa);
  };
  // Told of each result as it comes; false stops.
  std::function<bool(const VerifyResult&)> on_result = [](const VerifyResult&) { return true; };
};

// Results of the cases run: all of them, or up to the first unequal bit. Throws Error for a file of fingerprints that
// contradicts itself.
std::vector<VerifyResult> Verify(const Engine& engine, const VerifyOptions& options);

}  // namespace invar
