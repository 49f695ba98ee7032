// The oracle's operations by the names that kernels have, for tests that walk a list of kernels.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "tests/oracle/operations.h"

namespace invar::oracle {

// Elementwise, of x or of x and z. A NaN may be any.
using Map = std::function<float(float x, float z)>;
const std::map<std::string, Map>& MapOracles();

// One row; a single value for log_sum_exp.
using OneRow = std::function<Row(const float* x, size_t n, const float* gain, const float* bias, float epsilon)>;
const std::map<std::string, OneRow>& RowsOracles();

}  // namespace invar::oracle
