// Compiled with the namespace invar renamed, as are the kernels that it lists.
#include <vector>

#include "invar/kernels.h"
#include "invar/simd/table.h"
#include "invar/simd/targets.h"

namespace invar {

#define INVAR_DECLARE(TARGET, NAMESPACE)     \
  namespace NAMESPACE {                      \
  extern const KernelTable Table_matmul_f32;  \
  extern const KernelTable Table_matmul_bf16; \
  extern const KernelTable Table_matmul_f16;  \
  }
INVAR_FOR_EACH_TARGET(INVAR_DECLARE)
#undef INVAR_DECLARE

std::vector<invar_kernel> OneChainKernels() {
  std::vector<invar_kernel> kernels;
  const auto add = [&](const KernelTable& table) {
    kernels.insert(kernels.end(), table.kernels, table.kernels + table.count);
  };
#define INVAR_COLLECT(TARGET, NAMESPACE) \
  add(NAMESPACE::Table_matmul_f32);      \
  add(NAMESPACE::Table_matmul_bf16);     \
  add(NAMESPACE::Table_matmul_f16);
  INVAR_FOR_EACH_TARGET(INVAR_COLLECT)
#undef INVAR_COLLECT
  return kernels;
}

}  // namespace invar
