#include "bench/goals.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <regex>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar::bench {
namespace {

struct Goal {
  const char* what;
  const char* names;  // a regular expression of the figures whose geometric mean it is about
  const char* unit;
  double limit;  // 0: as much, or as little, as the machine gives
  bool at_most;
  int decimals;
};

constexpr Goal kGoals[] = {
    {"Projections, 512 rows, f32", "Matmul/f32/.*/M:512/.*", "% of the multiply-add peak", 92, false, 1},
    {"Projections, 512 rows, bf16", "Matmul/bf16/.*/M:512/.*", "% of the multiply-add peak", 92, false, 1},
    {"Projections, 1 row, f32", "Matmul/f32/.*/M:1/.*", "% of the read bandwidth", 95, false, 1},
    {"Projections, 1 row, bf16", "Matmul/bf16/.*/M:1/.*", "% of the read bandwidth", 95, false, 1},
    {"Attention, prefill of 512 tokens", "Attention/.*/prefill:512", "% of the multiply-add peak", 0, false, 1},
    {"Attention, decode after 4096 and 32768 tokens", "Attention/.*/decode:(4096|32768)", "% of the read bandwidth", 85, false, 1},
    {"GPT-2 124M, prefill of 512 tokens, f32", "Model/gpt2-124m-random/f32/.*/prefill:512", "% of the multiply-add peak", 85, false, 1},
    {"GPT-2 124M, prefill of 512 tokens, bf16", "Model/gpt2-124m-random/bf16/.*/prefill:512", "% of the multiply-add peak", 85, false, 1},
    {"Qwen3-0.6B, prefill of 512 tokens, f32", "Model/qwen3-0.6b-random/f32/.*/prefill:512", "% of the multiply-add peak", 85, false, 1},
    {"Qwen3-0.6B, prefill of 512 tokens, bf16", "Model/qwen3-0.6b-random/bf16/.*/prefill:512", "% of the multiply-add peak", 85, false, 1},
    {"GPT-2 124M, decode after 128 tokens, f32", "Model/gpt2-124m-random/f32/.*/decode_at:128", "% of the read bandwidth", 90, false, 1},
    {"GPT-2 124M, decode after 128 tokens, bf16", "Model/gpt2-124m-random/bf16/.*/decode_at:128", "% of the read bandwidth", 90, false, 1},
    {"Qwen3-0.6B, decode after 128 tokens, f32", "Model/qwen3-0.6b-random/f32/.*/decode_at:128", "% of the read bandwidth", 90, false, 1},
    {"Qwen3-0.6B, decode after 128 tokens, bf16", "Model/qwen3-0.6b-random/bf16/.*/decode_at:128", "% of the read bandwidth", 90, false, 1},
    {"The tree, projections of 512 rows, f32", "Tree/f32/.*/M:512", "times the time of one chain", 1.03, true, 3},
    {"The tree, projections of 1 row, f32", "Tree/f32/.*/M:1", "times the time of one chain", 1.03, true, 3},
    {"Small operations in GPT-2 124M's prefill of 512 tokens", "Profile/gpt2-124m-random/f32/.*", "% of its time", 8, true, 1},
    {"Small operations in Qwen3-0.6B's prefill of 512 tokens", "Profile/qwen3-0.6b-random/f32/.*", "% of its time", 5, true, 1},
};

// A share may be a little above 100 by the noise of the ceiling.
constexpr double kMostPercent = 105;

// What one cell sums up.
struct Cell {
  std::vector<double> medians, noises;  // noise: half of the range between the quartiles, as a part of the median
};

double GeometricMean(const std::vector<double>& values) {
  double logarithms = 0;
  for (const double v : values) logarithms += std::log(std::max(v, 1e-9));
  return std::exp(logarithms / static_cast<double>(values.size()));
}

std::string Number(double v, int decimals) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", decimals, v);
  return text;
}

// "90.2 (89.0 - 91.1), noise 0.4"
std::string Text(const Cell& cell, const Goal& goal) {
  const double mean = GeometricMean(cell.medians);
  std::string text = Number(mean, goal.decimals);
  const auto [least, most] = std::minmax_element(cell.medians.begin(), cell.medians.end());
  if (cell.medians.size() > 1) text += " (" + Number(*least, goal.decimals) + " - " + Number(*most, goal.decimals) + ")";
  std::vector<double> noises = cell.noises;
  std::sort(noises.begin(), noises.end());
  text += ", noise " + Number(noises[noises.size() / 2] * mean, goal.decimals);
  if (goal.limit <= 0) return text;
  // Nothing is faster than its ceiling: such a figure says that the ceiling was measured wrong, and that nothing is known.
  if (!goal.at_most && mean > kMostPercent) return text + "; above its ceiling, so no verdict";
  text += (goal.at_most ? mean <= goal.limit : mean >= goal.limit) ? "; met" : "; **missed**";
  return text;
}

std::string TextField(const nlohmann::ordered_json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string() ? object[name].get<std::string>() : "?";
}

}  // namespace

std::string GoalsTable(const nlohmann::ordered_json& document, const std::string& source) {
  std::map<size_t, std::map<int64_t, Cell>> cells;  // by goal, by threads
  std::vector<int64_t> threads;
  std::string best;
  if (document.contains("processor") && document["processor"].is_object() &&
      document["processor"].contains("instruction_sets") && !document["processor"]["instruction_sets"].empty()) {
    best = document["processor"]["instruction_sets"][0].get<std::string>();
  }
  size_t index = 0;
  for (const nlohmann::ordered_json& one : document.at("figures")) {
    const nlohmann::json plain = one;
    const JsonFields fields(plain, source + ": figure " + std::to_string(++index));
    const std::string name = fields.String("name").value_or("");
    const std::optional<std::string> isa = fields.String("isa");
    if (isa && *isa != best) continue;
    for (size_t g = 0; g < std::size(kGoals); ++g) {
      if (!std::regex_match(name, std::regex(kGoals[g].names))) continue;
      const JsonFields figure = fields.Child("figure");
      const std::optional<double> median = figure.Number("median", 1e-300, 1e300);
      const double q1 = figure.Number("q1", -1e300, 1e300).value_or(0), q3 = figure.Number("q3", -1e300, 1e300).value_or(0);
      if (!median) figure.Reject("median", "a number above 0");
      const int64_t count = fields.Integer("threads", 1, 4096).value_or(1);
      Cell& cell = cells[g][count];
      cell.medians.push_back(*median);
      cell.noises.push_back((q3 - q1) / 2 / *median);
      if (std::find(threads.begin(), threads.end(), count) == threads.end()) threads.push_back(count);
    }
  }
  if (cells.empty()) throw Error(source + " holds no figure that a goal is about; measure without a filter");
  std::sort(threads.begin(), threads.end());
  std::string text = "| what | as | goal |", rule = "|---|---|---|";
  for (const int64_t t : threads) {
    text += " " + std::to_string(t) + (t == 1 ? " thread |" : " threads |");
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const auto& [g, by_threads] : cells) {
    const Goal& goal = kGoals[g];
    std::string limit = goal.at_most ? "little" : "much";
    if (goal.limit > 0) limit = (goal.at_most ? "at most " : "at least ") + Number(goal.limit, goal.limit < 2 ? 2 : 0);
    text += std::string("| ") + goal.what + " | " + goal.unit + " | " + limit + " |";
    for (const int64_t t : threads) {
      const auto cell = by_threads.find(t);
      text += " " + (cell == by_threads.end() ? std::string("-") : Text(cell->second, goal)) + " |";
    }
    text += "\n";
  }
  text += "\nMeasured " + TextField(document, "date") + " on " + TextField(document.value("processor", nlohmann::ordered_json()), "name") +
          ", " + best + ", " + TextField(document, "compiler") + ", by `" + TextField(document, "command") + "`";
  if (document.contains("machine") && document["machine"].contains("load_average_at_start")) {
    text += "; load average before it " + Number(document["machine"]["load_average_at_start"].get<double>(), 1);
  }
  return text + ".\n";
}

std::string WithGoals(const std::string& page, const std::string& table, const std::string& source) {
  const size_t begin = page.find(kGoalsBegin), end = page.find(kGoalsEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    throw Error(source + " has no lines \"" + kGoalsBegin + "\" and \"" + kGoalsEnd + "\" to write the table between; add them");
  }
  return page.substr(0, begin) + kGoalsBegin + "\n" + table + page.substr(end);
}

}  // namespace invar::bench
