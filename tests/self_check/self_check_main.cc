// What the self-check says of a build with the flags that this file was compiled with, on every instruction set that
// this processor runs:
//   self_check_NAME sound     exit 0 where it finds nothing wrong on any
//   self_check_NAME broken    exit 0 where it finds something wrong on one at least
#include <cstdio>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/self_check/self_check_main.cc"
#include "hwy/foreach_target.h"
#include "invar/simd/self_check-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
const char* Checked() { return SelfCheck(); }
}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "invar/simd/targets.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int wrong = 0, ran = 0;
  const auto report = [&](int64_t target, const char* (*checked)()) {
    if (target != HWY_SCALAR && (hwy::SupportedTargets() & target) == 0) return;
    const char* found = checked();
    ++ran;
    if (found != nullptr) ++wrong;
    std::printf("%-8s %s\n", hwy::TargetName(target), found == nullptr ? "sound" : found);
  };
#define INVAR_REPORT(TARGET, NAMESPACE) report(TARGET, &invar::NAMESPACE::Checked);
  INVAR_FOR_EACH_TARGET(INVAR_REPORT)
#undef INVAR_REPORT
  const bool expect_sound = std::strcmp(argv[1], "sound") == 0;
  return ran > 0 && (wrong == 0) == expect_sound ? 0 : 1;
}
#endif
