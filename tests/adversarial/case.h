// One random case of one operation: what was drawn, what was expected, and the first difference.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "invar/kernels.h"
#include "tests/adversarial/memory.h"
#include "tests/adversarial/values.h"
#include "tests/support/float_mode.h"

namespace invar::adversarial {

// An operation of one storage type, and the kernels that compute it: all must give the same bits.
struct Operation {
  std::string name;  // "matmul/bf16"
  invar_family family;
  std::vector<const invar_kernel*> kernels;  // that run here, in the registry's order
  const char* operation() const { return kernels[0]->operation; }
  std::string type() const { return kernels[0]->type; }
};

// Every operation of the registry that this processor runs, by name.
std::vector<Operation> Operations();

struct Difference {
  std::string isa, tile;
  std::string how;      // the way of calling it: "in place"
  std::string against;  // "the oracle", or the kernel whose result came first
  std::string what;     // for people, where no value differs
  size_t index = 0, count = 0;
  uint32_t expected = 0, found = 0;
};

class Case {
 public:
  Case(const Operation& operation, uint64_t seed, Memory& memory);

  const Operation& operation;
  Memory& memory;
  Random random;            // of the case's shape and values
  std::string description;  // shapes and kinds

  uint64_t with_oracle = 0;  // values compared with the oracle
  uint64_t between = 0;      // values compared with another kernel's alone
  std::optional<Difference> difference;

  // How one kernel is called (alignment, strides, cuts): the same whichever other kernels run.
  Random Layout(const invar_kernel& kernel) const;

  // What every kernel must give. known[i] = 0: no oracle was asked for value i, and the first kernel's counts. Empty: all
  // are known.
  void Expect(std::vector<float> values, std::vector<uint8_t> known = {});

  // Compares a kernel's result; false at a difference, which ends the case.
  bool Compare(const invar_kernel& kernel, const std::string& how, const std::vector<float>& found);

  // What every kernel gave, and the oracle where it was asked.
  const std::vector<float>& agreed() const { return expected_; }

  // Guards in all of `regions`; false where something else was written.
  bool CheckGuards(const invar_kernel& kernel, const std::string& how, const std::vector<const Region*>& regions);

  // Calls a kernel, often under a floating-point mode that is not the contract's; false where it is not given back.
  template <class Args>
  bool Call(const invar_kernel& kernel, void (*function)(const Args*), const Args& args, Random& layout) {
    return Run(kernel, [&] { function(&args); }, layout);
  }

 private:
  bool Run(const invar_kernel& kernel, const std::function<void()>& call, Random& layout);

  uint64_t seed_;
  std::vector<float> expected_;
  std::vector<uint8_t> known_;
  uint64_t known_count_ = 0;
  std::string reference_;  // whose values stand where the oracle was not asked
};

// The cases of each family.
void RunMatmul(Case&);
void RunMap(Case&);
void RunRows(Case&);
void RunReduce(Case&);
void RunRope(Case&);
void RunEmbedding(Case&);
void RunAttentionLeaf(Case&);
void RunAttentionMerge(Case&);
void RunAttentionFinish(Case&);

// The case of this number in the campaign of this seed, on the operation's kernels.
Case RunCase(const Operation& operation, uint64_t seed, uint64_t number, Memory& memory);

}  // namespace invar::adversarial
