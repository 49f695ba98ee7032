#include "tests/adversarial/case.h"

#include <cstring>
#include <map>

#include "tests/oracle/arithmetic.h"

namespace invar::adversarial {
namespace {

// Well mixed, so that seeds that differ little give cases that differ much.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

uint64_t Mix(uint64_t x, const std::string& name) {
  for (const char c : name) x = Mix(x ^ static_cast<unsigned char>(c));
  return x;
}

// Modes that a program may have set: all but those that would end it where a kernel does not mask traps.
const std::vector<testing::FloatMode>& Modes() {
  static const std::vector<testing::FloatMode> modes = [] {
    std::vector<testing::FloatMode> masked;
    for (const testing::FloatMode& mode : testing::FloatModes()) {
#if defined(__x86_64__) || defined(__SSE__)
      if ((mode.word & 0x1F80) != 0x1F80) continue;
#endif
      masked.push_back(mode);
    }
    return masked;
  }();
  return modes;
}

std::string NameOf(const invar_kernel& kernel) { return std::string(kernel.isa) + ", tile " + kernel.tile; }

}  // namespace

std::vector<Operation> Operations() {
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  std::map<std::string, Operation> operations;
  for (size_t i = 0; i < count; ++i) {
    if (invar_isa_supported(all[i].isa) == 0) continue;
    const std::string name = std::string(all[i].operation) + "/" + all[i].type;
    Operation& operation = operations[name];
    operation.name = name;
    operation.family = all[i].family;
    operation.kernels.push_back(&all[i]);
  }
  std::vector<Operation> list;
  for (auto& [name, operation] : operations) list.push_back(std::move(operation));
  return list;
}

Case::Case(const Operation& operation_, uint64_t seed, Memory& memory_)
    : operation(operation_), memory(memory_), random(seed), seed_(seed) {}

Random Case::Layout(const invar_kernel& kernel) const { return Random(Mix(Mix(seed_, kernel.isa), kernel.tile)); }

void Case::Expect(std::vector<float> values, std::vector<uint8_t> known) {
  expected_ = std::move(values);
  known_ = std::move(known);
  known_count_ = 0;
  for (const uint8_t k : known_) known_count_ += k;
  if (known_count_ == known_.size()) known_.clear();
  if (known_.empty()) known_count_ = expected_.size();
  reference_.clear();
}

bool Case::Compare(const invar_kernel& kernel, const std::string& how, const std::vector<float>& found) {
  if (!known_.empty() && reference_.empty()) {
    for (size_t i = 0; i < expected_.size(); ++i) {
      if (known_[i] == 0) expected_[i] = found[i];
    }
    reference_ = NameOf(kernel);
    with_oracle += known_count_;
  } else {
    with_oracle += known_count_;
    between += expected_.size() - known_count_;
  }
  if (expected_.empty() || std::memcmp(expected_.data(), found.data(), expected_.size() * sizeof(float)) == 0) return true;
  for (size_t i = 0; i < expected_.size(); ++i) {
    const uint32_t expected = oracle::Bits(expected_[i]), bits = oracle::Bits(found[i]);
    if (expected == bits) continue;
    difference = Difference{kernel.isa, kernel.tile, how, known_.empty() || known_[i] != 0 ? "the oracle" : reference_, "",
                            i, expected_.size(), expected, bits};
    return false;
  }
  return true;
}

bool Case::CheckGuards(const invar_kernel& kernel, const std::string& how, const std::vector<const Region*>& regions) {
  for (const Region* region : regions) {
    if (region->OnlyGuards()) continue;
    difference = Difference{kernel.isa, kernel.tile, how, "", "wrote outside of its destination", 0, 0, 0, 0};
    return false;
  }
  return true;
}

bool Case::Run(const invar_kernel& kernel, const std::function<void()>& call, Random& layout) {
  if (layout.Below(3) != 0 || Modes().empty()) {
    call();
    return true;
  }
  const testing::FloatMode& mode = Modes()[layout.Below(Modes().size())];
  const uint64_t ours = testing::ReadFloatMode();
  testing::WriteFloatMode(mode.word);
  call();
  const uint64_t left = testing::ReadFloatMode();
  testing::WriteFloatMode(ours);
  if (left == mode.word) return true;
  difference = Difference{kernel.isa, kernel.tile, "", "", "did not give back the caller's floating-point mode", 0, 0, 0, 0};
  return false;
}

Case RunCase(const Operation& operation, uint64_t seed, uint64_t number, Memory& memory) {
  Case c(operation, Mix(Mix(seed) ^ number), memory);
  switch (operation.family) {
    case INVAR_FAMILY_MATMUL: RunMatmul(c); break;
    case INVAR_FAMILY_MAP: RunMap(c); break;
    case INVAR_FAMILY_ROWS: RunRows(c); break;
    case INVAR_FAMILY_REDUCE: RunReduce(c); break;
    case INVAR_FAMILY_ROPE: RunRope(c); break;
    case INVAR_FAMILY_EMBEDDING: RunEmbedding(c); break;
    case INVAR_FAMILY_ATTENTION_LEAF: RunAttentionLeaf(c); break;
    case INVAR_FAMILY_ATTENTION_MERGE: RunAttentionMerge(c); break;
    case INVAR_FAMILY_ATTENTION_FINISH: RunAttentionFinish(c); break;
  }
  return c;
}

}  // namespace invar::adversarial
