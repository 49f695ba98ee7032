#include "bench/results.h"

#include <algorithm>
#include <cmath>

namespace invar::bench {
namespace {

std::vector<Result>& All() {
  static std::vector<Result> results;
  return results;
}

}  // namespace

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double quantile) {
    const double place = quantile * static_cast<double>(values.size() - 1);
    const size_t below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (place - std::floor(place));
  };
  return {at(0.5), at(0.25), at(0.75), values.size()};
}

void Keep(Result result) { All().push_back(std::move(result)); }
const std::vector<Result>& Results() { return All(); }

}  // namespace invar::bench
