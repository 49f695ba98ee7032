// What each generated file offers the registry, for each instruction set.
#pragma once

#include <cstddef>

#include "invar/kernels.h"

namespace invar {

struct KernelTable {
  const invar_kernel* kernels;
  size_t count;
  const char* (*self_check)();  // null, or a sentence saying what the build broke
};

}  // namespace invar
