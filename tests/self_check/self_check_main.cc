// What the self-check says of a build with the flags that this file was compiled with, on every instruction set that
// this processor runs:
//   self_check_NAME sound             exit 0 where it finds nothing wrong on any
//   self_check_NAME some WORDS        exit 0 where it finds something wrong on one at least, and says these words wherever it does
//   self_check_NAME every WORDS       exit 0 where it says these words of every one
#include <cstdio>
#include <cstring>
#include <string>

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
  const std::string expected = argc > 1 ? argv[1] : "", words = argc == 3 ? argv[2] : "";
  if ((expected == "sound" ? argc != 2 : argc != 3) || (expected != "sound" && expected != "some" && expected != "every")) return 2;
  int wrong = 0, ran = 0, otherwise = 0;
  const auto report = [&](int64_t target, const char* (*checked)()) {
    if (target != HWY_SCALAR && (hwy::SupportedTargets() & target) == 0) return;
    const char* found = checked();
    ++ran;
    if (found != nullptr) ++wrong;
    if (found != nullptr && std::strstr(found, words.c_str()) == nullptr) ++otherwise;
    std::printf("%-8s %s\n", hwy::TargetName(target), found == nullptr ? "sound" : found);
  };
#define INVAR_REPORT(TARGET, NAMESPACE) report(TARGET, &invar::NAMESPACE::Checked);
  INVAR_FOR_EACH_TARGET(INVAR_REPORT)
#undef INVAR_REPORT
  const int least = expected == "sound" ? 0 : expected == "some" ? 1 : ran, most = expected == "sound" ? 0 : ran;
  if (ran > 0 && otherwise == 0 && wrong >= least && wrong <= most) return 0;
  std::printf("of %d instruction sets %d are wrong, %d for another reason than '%s'\n", ran, wrong, otherwise, words.c_str());
  return 1;
}
#endif
