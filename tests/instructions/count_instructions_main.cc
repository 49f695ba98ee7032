// One call of every kernel of the registry, up to AVX2: what callgrind counts the instructions of. tests/instructions/check.py
// runs it, and tells the calls apart by their order:
//
//   valgrind --tool=callgrind --toggle-collect=invar_counted_call --dump-after=invar_counted_call count_instructions
//
// Standard output has a line that says what was built and how, then a line for each call in order: kernel, shape, amount of
// work, unit of work, separated by tabs. Without valgrind it prints the same and nothing is counted.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "bench/kernel_calls.h"
#include "hwy/highway.h"
#include "runtime/base/error.h"

// Known to callgrind by this name. The loads and stores of the call's arguments are counted with it: some tens of instructions.
extern "C" __attribute__((noinline)) void invar_counted_call(const std::function<void()>& call) {
  call();
  asm volatile("" ::: "memory");  // not a jump into the call, which would leave this function before it
}

namespace {

using invar::bench::KernelCall;
using invar::bench::KernelShape;

// The rest is AVX-512, which valgrind (3.19) does not know.
bool Counted(const invar_kernel& kernel) { return std::string_view(kernel.isa).substr(0, 4) != "AVX3"; }

std::string Build() {
#if defined(__clang__)
  const std::string compiler = "clang++ " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  const std::string highway =
      std::to_string(HWY_MAJOR) + "." + std::to_string(HWY_MINOR) + "." + std::to_string(HWY_PATCH);
  return compiler + ", " INVAR_BUILD_FLAGS ", " INVAR_PROCESSOR ", Highway " + highway;
}

struct alignas(64) Line {
  uint16_t halves[32];
};

void Count(const invar_kernel& kernel, const KernelShape& shape) {
  std::vector<Line> weights;
  const KernelCall made = invar::bench::CallOf(kernel, shape, [&weights](size_t bytes) {
    weights.resize((bytes + sizeof(Line) - 1) / sizeof(Line));
    invar::bench::FillWeights(weights.data()->halves, weights.size() * 32);
    return static_cast<const void*>(weights.data());
  });
  const bool elements = made.elements > 0;
  std::printf("%s\t%s\t%.0f\t%s\n", invar::bench::NameOf(kernel).c_str(), shape.name.c_str(),
              elements ? made.elements : made.flops / 2, elements ? "element" : "multiply-add");
  made.call();  // symbols that are resolved when first called
  invar_counted_call(made.call);
}

void CountAll() {
  std::printf("%s\n", Build().c_str());
  size_t count = 0;
  const invar_kernel* kernels = invar_kernels(&count);
  for (const invar_kernel* kernel = kernels; kernel != kernels + count; ++kernel) {
    if (!Counted(*kernel)) continue;
    if (invar_isa_supported(kernel->isa) == 0) {
      throw invar::Error("instructions are counted on " + std::string(kernel->isa) +
                         " too, which this processor does not run; count on another");
    }
    for (const KernelShape& shape : invar::bench::ShapesOf(*kernel)) {
      if (shape.counted) Count(*kernel, shape);
    }
  }
}

}  // namespace

int main() {
  try {
    CountAll();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "count_instructions: %s\n", e.what());
    return 1;
  }
}
