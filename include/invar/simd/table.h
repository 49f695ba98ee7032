// What each generated file offers the registry, for each instruction set.
#pragma once

#include <cstddef>

#include "invar/kernels.h"

// The name of the instruction set being compiled: what follows N_ in Highway's namespace. A constant, unlike hwy::TargetName.
#define INVAR_TARGET_NAME (&INVAR_TARGET_STRING(HWY_NAMESPACE)[2])
#define INVAR_TARGET_STRING(NAME) INVAR_TARGET_STRING_(NAME)
#define INVAR_TARGET_STRING_(NAME) #NAME

namespace invar {

struct KernelTable {
  const invar_kernel* kernels;
  size_t count;
  const char* (*self_check)();  // null, or a sentence saying what the build broke
};

}  // namespace invar
