// What invar verify prints.
#pragma once

#include "runtime/engine/verify.h"

namespace invar::cli {

// Runs the cases, prints a table as they come (or JSON at the end) on standard output, and where the first unequal bit
// is. Returns the exit status: 0 where all are equal, otherwise 1.
int ReportVerify(const Engine& engine, VerifyOptions options, bool json);

}  // namespace invar::cli
