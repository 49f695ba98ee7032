// Each library's function in a loop of loads and stores, as our own kernels are; compiled with the instruction set whose
// registers it takes, so that nothing is converted on the way.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/vector_libraries.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "bench/vector_libraries.h"
#include "invar/simd/targets.h"

// The C library's names: b, d and e are SSE, AVX2 and AVX-512, then the number of lanes.
#if defined(INVAR_BENCH_MVEC) || defined(INVAR_BENCH_SLEEF)
#if HWY_ARCH_X86 && HWY_TARGET == HWY_AVX3
#define INVAR_LIBRARY_VECTOR __m512
#define INVAR_MVEC(NAME) _ZGVeN16v_##NAME##f
#define INVAR_SLEEF(NAME, ULP) Sleef_##NAME##f16_##ULP
#elif HWY_ARCH_X86 && HWY_TARGET == HWY_AVX2
#define INVAR_LIBRARY_VECTOR __m256
#define INVAR_MVEC(NAME) _ZGVdN8v_##NAME##f
#define INVAR_SLEEF(NAME, ULP) Sleef_##NAME##f8_##ULP
#elif HWY_ARCH_X86 && HWY_TARGET == HWY_SSE4
#define INVAR_LIBRARY_VECTOR __m128
#define INVAR_MVEC(NAME) _ZGVbN4v_##NAME##f
#define INVAR_SLEEF(NAME, ULP) Sleef_##NAME##f4_##ULP
#endif
#endif

// sleef's bound of the error: 1.0 units, 1.5 for erfc.
#define INVAR_LIBRARY_FUNCTIONS(X) \
  X(exp, u10) X(log, u10) X(tanh, u10) X(sin, u10) X(cos, u10) X(erfc, u15)

HWY_BEFORE_NAMESPACE();
#ifdef INVAR_LIBRARY_VECTOR
extern "C" {
#define INVAR_DECLARE(NAME, ULP)                                     \
  INVAR_LIBRARY_VECTOR INVAR_MVEC(NAME)(INVAR_LIBRARY_VECTOR);       \
  INVAR_LIBRARY_VECTOR INVAR_SLEEF(NAME, ULP)(INVAR_LIBRARY_VECTOR);
INVAR_LIBRARY_FUNCTIONS(INVAR_DECLARE)
#undef INVAR_DECLARE
}
#endif
namespace invar {
namespace HWY_NAMESPACE {
namespace vector_libraries {

#ifdef INVAR_LIBRARY_VECTOR
template <INVAR_LIBRARY_VECTOR (*kFunction)(INVAR_LIBRARY_VECTOR)>
HWY_NOINLINE void Map(size_t n, const float* x, float* y) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  using V = hwy::HWY_NAMESPACE::Vec<decltype(d)>;
  for (size_t i = 0; i < n; i += hwy::HWY_NAMESPACE::Lanes(d)) {
    hwy::HWY_NAMESPACE::StoreU(V{kFunction(hwy::HWY_NAMESPACE::LoadU(d, x + i).raw)}, d, y + i);
  }
}
#endif

void Add([[maybe_unused]] std::vector<bench::LibraryFunction>& all) {
#ifdef INVAR_LIBRARY_VECTOR
  [[maybe_unused]] const char* isa = hwy::TargetName(HWY_TARGET);
#ifdef INVAR_BENCH_MVEC
#define INVAR_ADD(NAME, ULP) all.push_back({"libmvec", isa, #NAME, &Map<&INVAR_MVEC(NAME)>});
  INVAR_LIBRARY_FUNCTIONS(INVAR_ADD)
#undef INVAR_ADD
#endif
#ifdef INVAR_BENCH_SLEEF
#define INVAR_ADD(NAME, ULP) all.push_back({"sleef", isa, #NAME, &Map<&INVAR_SLEEF(NAME, ULP)>});
  INVAR_LIBRARY_FUNCTIONS(INVAR_ADD)
#undef INVAR_ADD
#endif
#endif
}

}  // namespace vector_libraries
}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#undef INVAR_LIBRARY_FUNCTIONS
#undef INVAR_LIBRARY_VECTOR
#undef INVAR_MVEC
#undef INVAR_SLEEF

#if HWY_ONCE

namespace invar::bench {

std::vector<LibraryFunction> LibraryFunctions() {
  std::vector<LibraryFunction> all;
  [[maybe_unused]] const auto supported = hwy::SupportedTargets();
#define INVAR_ADD(CONSTANT, SPACE) \
  if ((supported & (CONSTANT)) != 0) SPACE::vector_libraries::Add(all);
  INVAR_FOR_EACH_TARGET(INVAR_ADD)
#undef INVAR_ADD
  return all;
}

}  // namespace invar::bench

#endif  // HWY_ONCE
