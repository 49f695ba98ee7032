#include "tests/adversarial/functions.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "runtime/base/sha256.h"
#include "tests/functions/hard_arguments.h"
#include "tests/functions/reference.h"
#include "tests/oracle/arithmetic.h"

namespace invar::adversarial {
namespace {

// Of 2^32 arguments, drawn anew by each seed.
constexpr size_t kShare = 1 << 17;

int Index(const Operation& operation) {
  for (int f = 0; f < functions_test::kFunctions; ++f) {
    if (std::strcmp(operation.operation(), functions_test::Name(static_cast<functions_test::Function>(f))) == 0) return f;
  }
  return -1;
}

}  // namespace

bool IsFunction(const Operation& operation) { return operation.family == INVAR_FAMILY_MAP && Index(operation) >= 0; }

FunctionDigest DigestOfFunction(const Operation& operation, uint64_t seed) {
  const auto function = static_cast<functions_test::Function>(Index(operation));
  std::vector<uint32_t> arguments = functions_test::EveryHardArgument();
  Random random(seed);
  for (size_t i = 0; i < kShare; ++i) arguments.push_back(static_cast<uint32_t>(random.Bits()));
  std::vector<float> x(arguments.size()), expected(x.size()), found(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = oracle::FromBits(arguments[i]);

  FunctionDigest digest;
  bool known = oracle::kHasFunctions;
  for (size_t i = 0; known && i < x.size(); ++i) expected[i] = oracle::FromBits(functions_test::Reference(function, arguments[i]));
  for (const invar_kernel* kernel : operation.kernels) {
    const invar_map_args args = {x.size(), x.data(), nullptr, found.data()};
    kernel->call.map(&args);
    if (!known) {
      expected = found;
      known = true;
      continue;
    }
    (oracle::kHasFunctions ? digest.with_oracle : digest.between) += x.size();
    for (size_t i = 0; i < x.size() && digest.failure.empty(); ++i) {
      if (oracle::Bits(expected[i]) == oracle::Bits(found[i])) continue;
      char text[160];
      std::snprintf(text, sizeof(text), "%s of 0x%08X on %s: 0x%08X instead of 0x%08X", operation.name.c_str(),
                    static_cast<unsigned>(arguments[i]), kernel->isa, static_cast<unsigned>(oracle::Bits(found[i])),
                    static_cast<unsigned>(oracle::Bits(expected[i])));
      digest.failure = text;
    }
  }
  digest.sha256 = Fingerprint(expected.data(), expected.size());
  return digest;
}

}  // namespace invar::adversarial
