// The C face of the registry: listing, support and self-test of what was compiled in.
#include <cstring>
#include <string>
#include <vector>

#include "hwy/targets.h"
#include "invar/kernels.h"
#include "runtime/kernels/registry.h"

namespace invar {
namespace {

struct Registry {
  std::vector<TargetTable> tables = AllTables();
  std::vector<invar_kernel> kernels;
  std::vector<const char*> isas;  // best first, null at the end
  std::vector<int64_t> targets;   // of each name in isas
  int64_t supported = hwy::SupportedTargets();

  Registry() {
    for (const TargetTable& t : tables) {
      kernels.insert(kernels.end(), t.table.kernels, t.table.kernels + t.table.count);
      if (targets.empty() || targets.back() != t.target) AddIsa(t.target);
    }
    isas.push_back(nullptr);
  }

  // Tables come file by file within a target, targets best first; a target is new when its name is.
  void AddIsa(int64_t target) {
    for (const int64_t known : targets) {
      if (known == target) return;
    }
    targets.push_back(target);
    isas.push_back(hwy::TargetName(target));
  }

  // 0 where no instruction set of that name was compiled in.
  int64_t TargetOf(const char* isa) const {
    for (size_t i = 0; i < targets.size(); ++i) {
      if (isa != nullptr && strcmp(isas[i], isa) == 0) return targets[i];
    }
    return 0;
  }
};

const Registry& TheRegistry() {
  static const Registry registry;
  return registry;
}

// The baseline needs no support: the compiler assumed it for all code, this function included.
bool Runs(const Registry& r, int64_t target) {
  return target == HWY_STATIC_TARGET || (r.supported & target) != 0;
}

}  // namespace
}  // namespace invar

extern "C" {

const invar_kernel* invar_kernels(size_t* count) {
  const invar::Registry& r = invar::TheRegistry();
  *count = r.kernels.size();
  return r.kernels.data();
}

const char* const* invar_isas(void) { return invar::TheRegistry().isas.data(); }

int invar_isa_supported(const char* isa) {
  const invar::Registry& r = invar::TheRegistry();
  const int64_t target = r.TargetOf(isa);
  return target != 0 && invar::Runs(r, target) ? 1 : 0;
}

const char* invar_self_test(const char* isa) {
  const invar::Registry& r = invar::TheRegistry();
  const int64_t target = r.TargetOf(isa);
  if (target == 0) return "no such instruction set was compiled in";
  if (!invar::Runs(r, target)) return "this processor does not run that instruction set";
  for (const invar::TargetTable& t : r.tables) {
    if (t.target != target) continue;
    if (const char* wrong = t.table.self_check()) return wrong;
  }
  return nullptr;
}

}  // extern "C"
