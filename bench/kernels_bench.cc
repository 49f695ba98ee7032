// Every kernel of the registry, on every instruction set that this processor runs: a kernel listed in
// codegen/kernels.yaml is benchmarked because it is there, under its own name, operation/type/tile/isa/shape.
//
// One thread, operands in cache: what is measured is the kernel, not the memory.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/kernel_calls.h"

namespace invar::bench {
namespace {

Work WorkOf(const invar_kernel& kernel, const KernelShape& shape) {
  KernelCall made = CallOf(kernel, shape, [](size_t bytes) { return TheWeights().Next(bytes); });
  Work work;
  work.isa = kernel.isa;
  work.flops = made.flops;
  work.bytes = made.bytes;
  work.elements = made.elements;
  work.call = [call = std::move(made.call)](Team&) { call(); };
  return work;
}

}  // namespace

void RegisterKernels() {
  const std::vector<std::string> isas = KernelIsas();
  size_t count = 0;
  const invar_kernel* kernels = invar_kernels(&count);
  for (const invar_kernel* kernel = kernels; kernel != kernels + count; ++kernel) {
    if (std::find(isas.begin(), isas.end(), kernel->isa) == isas.end()) continue;
    std::vector<KernelShape> shapes = ShapesOf(*kernel);
    if (TheOptions().quick) shapes.resize(1);
    for (const KernelShape& shape : shapes) {
      Register(NameOf(*kernel) + "/" + shape.name, [kernel, shape](benchmark::State& state) {
        Run(state, WorkOf(*kernel, shape));
      });
    }
  }
}

}  // namespace invar::bench
