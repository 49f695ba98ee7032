// Rope of published models, checked at positions up to 2^20 - 1: frequencies against MPFR, then the tables of cosines and
// sines that the runtime computes from them against an evaluation of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/model/exact.h"

namespace invar::rope_test {

struct Published {
  std::string name;
  RopeParameters parameters;
};

// The configurations under tests/model/published_configs, and the parameters of others by kind: the thetas and head
// dimensions in use with each other, and linear, yarn and llama3 as they were published.
std::vector<Published> PublishedParameters();

struct Frequencies {
  size_t compared = 0;
  std::vector<std::string> wrong;
  // What remains to be tried with positions: every distinct frequency, by the attention factor that goes with it.
  struct Group {
    float attention_factor;
    std::vector<float> values;
  };
  std::vector<Group> groups;
  size_t distinct() const;
};

// What is checked is the runtime's, unless a test wants to see an error noticed.
Frequencies CheckFrequencies(const std::vector<Published>& all,
                             const std::function<std::vector<float>(const RopeParameters&)>& frequencies = RopeFrequencies);

struct Tables {
  uint64_t compared = 0;    // angles, each with its cosine and sine
  uint64_t asked_mpfr = 0;  // cosines and sines that only MPFR could tell
  uint64_t wrong = 0;
  std::string first_wrong;
};

// All groups at position(0), position(1) ... position(count - 1), on the instruction set named ("": the best).
Tables CheckTables(const std::string& isa, const std::vector<Frequencies::Group>& groups, size_t count,
                   const std::function<uint32_t(size_t)>& position, int threads,
                   const std::function<decltype(RotaryTables)>& make_tables = RotaryTables);

}  // namespace invar::rope_test
