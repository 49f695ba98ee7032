// What the benchmarks found, kept for the documents written at the end: every figure with its noise.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace invar::bench {

// Of several measurements of one thing: the median, and the quartiles between which the middle half of them lies.
struct Spread {
  double median = 0, q1 = 0, q3 = 0;
  size_t count = 0;
  double range() const { return q3 - q1; }
};
// Quartiles are interpolated between neighbours. All zero where there are no values.
Spread SpreadOf(std::vector<double> values);

// One benchmark's figure. Names are unique in a run and the same in every run with the same flags.
struct Result {
  std::string name;
  std::string isa;  // empty where there is no choice of one
  int threads = 1;
  // The figure: a share of the ceiling that binds, in percent, or where nothing on the machine bounds it a plain value.
  std::string unit;
  bool more_is_better = true;
  Spread figure;
  std::string ceiling;  // "multiply-add", "memory", "cache"; empty: no share
  Spread seconds;       // of one call; count 0 where there is none
  std::vector<std::pair<std::string, double>> rates;  // "tokens_per_second", ...
};

void Keep(Result result);
const std::vector<Result>& Results();

}  // namespace invar::bench
