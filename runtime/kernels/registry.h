// What codegen emits and the registry collects: the table of each generated file for each instruction set.
#pragma once

#include <cstdint>
#include <vector>

#include "invar/simd/table.h"

namespace invar {

struct TargetTable {
  int64_t target;  // Highway's bit
  KernelTable table;
};

// Defined in the generated registry.cc.
std::vector<TargetTable> AllTables();

}  // namespace invar
