// Fingerprints of a fixed corpus: what every build on every processor must print (tests/fingerprints.json).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"

namespace invar::testing {

struct NamedFingerprint {
  std::string name;    // "kernel matmul/bf16", "model gpt2, 'ROMEO:', greedy"
  std::string sha256;  // of little-endian values
};

struct Tally {
  uint64_t values = 0;    // that went into fingerprints
  uint64_t compared = 0;  // values of tiles, batches, threads and cuts compared with one another bit by bit
  // The first difference between two ways to compute one thing; empty where there is none.
  std::string unequal;
};

// One fingerprint for each operation and storage type, over inputs that depend on nothing but the corpus. Every tile of
// the instruction set computes the whole corpus, and all must agree. `on_values` is told what the first tile computed.
using OnValues = std::function<void(const std::string& name, const std::vector<float>& values)>;
std::vector<NamedFingerprint> KernelFingerprints(const std::string& isa, Tally& tally, const OnValues& on_values = nullptr);

// Logits, greedy and seeded generation of one bundled model; fed whole, in chunks, in a batch, on two threads.
std::vector<NamedFingerprint> ModelFingerprints(const Engine& engine, const std::filesystem::path& directory,
                                                const std::string& isa, Tally& tally);

}  // namespace invar::testing
