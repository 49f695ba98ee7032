// Two documents of the benchmarks side by side: what changed, and whether by more than the noise of both.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace invar::bench {

struct Change {
  std::string name, unit;
  double old_median = 0, new_median = 0;
  double old_noise = 0, new_noise = 0;  // half of the range between the quartiles, in percent of the median
  double percent = 0;                   // of the old median; infinite where that is 0
  bool exceeds_noise = false;           // the change is greater than the two noises together
  bool better = false;                  // of a change that exceeds it: in which direction
};

struct Comparison {
  std::vector<Change> changes;                 // in the new document's order
  std::vector<std::string> only_old, only_new;  // names without a counterpart
};

// A share of a ceiling is compared with a share, else a value with a value of the same unit. Throws Error, naming the
// document and the figure, where one of them lacks what it should have. `old_name`, `new_name`: what messages call them.
Comparison Compare(const nlohmann::ordered_json& old_document, const std::string& old_name,
                   const nlohmann::ordered_json& new_document, const std::string& new_name);

std::string TextOf(const Comparison& comparison);

}  // namespace invar::bench
