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
  bool at_most = false;
  int decimals = 1;
  double avx2_limit = 0;              // where another is asked of AVX2
  double each = 0;                    // each figure must be at least this
  const char* relative_to = nullptr;  // figures of whose mean the cell gives percent; otherwise it gives the figures themselves
  bool speedup = false;               // the cell is one thread's time over that of several; the limits are below
};

constexpr char kPeak[] = "% of the multiply-add peak", kRead[] = "% of the read bandwidth";
constexpr char kProjections[] = "Matmul/f32/.*/M:512/.*";

constexpr Goal Projections(const char* what, const char* names, double limit, double avx2_limit) {
  return {what, names, kPeak, limit, false, 1, avx2_limit, 85};
}

constexpr Goal AtMost(const char* what, const char* names, const char* unit, double limit, int decimals) {
  return {what, names, unit, limit, true, decimals};
}

constexpr Goal Speedup(const char* what, const char* names) { return {what, names, "times one thread", 0, false, 2, 0, 0, nullptr, true}; }

constexpr Goal LongAttention(const char* what, const char* names) {
  return {what, names, "% of the rate of projections of 512 rows", 70, false, 1, 0, 0, kProjections};
}

constexpr Goal kGoals[] = {
    Projections("Projections, 64 to 512 rows, f32", "Matmul/f32/.*/M:(64|128|512)/.*", 92, 95),
    Projections("Projections, 64 to 512 rows, bf16", "Matmul/bf16/.*/M:(64|128|512)/.*", 92, 95),
    {"Projections, 2 to 16 rows, f32", "Matmul/f32/.*/M:(2|4|8|16)/.*", "% of the ceiling that binds", 85},
    {"Projections, 2 to 16 rows, bf16", "Matmul/bf16/.*/M:(2|4|8|16)/.*", "% of the ceiling that binds", 85},
    {"Projections, 1 row, f32", "Matmul/f32/.*/M:1/.*", kRead, 95},
    {"Projections, 1 row, bf16", "Matmul/bf16/.*/M:1/.*", kRead, 95},
    {"Projections, 1 row, f16", "Matmul/f16/.*/M:1/.*", kRead, 95},
    {"Attention, prefill of 512 tokens", "Attention/.*/prefill:512", kPeak, 0},
    LongAttention("Attention, prefill of 4096 tokens", "Attention/.*/prefill:4096"),
    LongAttention("Attention, 512 tokens up to 32768", "Attention/.*/prefill:512_to:32768"),
    {"Attention, decode after 4096 and 32768 tokens", "Attention/.*/decode:(4096|32768)", kRead, 85},
    {"GPT-2 124M, prefill of 512 tokens, f32", "Model/gpt2-124m-random/f32/.*/prefill:512", kPeak, 85},
    {"GPT-2 124M, prefill of 512 tokens, bf16", "Model/gpt2-124m-random/bf16/.*/prefill:512", kPeak, 85},
    {"Qwen3-0.6B, prefill of 512 tokens, f32", "Model/qwen3-0.6b-random/f32/.*/prefill:512", kPeak, 85},
    {"Qwen3-0.6B, prefill of 512 tokens, bf16", "Model/qwen3-0.6b-random/bf16/.*/prefill:512", kPeak, 85},
    Speedup("GPT-2 124M and Qwen3-0.6B, prefill of 512 tokens", "Model/(gpt2-124m|qwen3-0.6b)-random/.*/prefill:512"),
    {"GPT-2 124M, decode after 128 tokens, f32", "Model/gpt2-124m-random/f32/.*/decode_at:128", kRead, 90},
    {"GPT-2 124M, decode after 128 tokens, bf16", "Model/gpt2-124m-random/bf16/.*/decode_at:128", kRead, 90},
    {"Qwen3-0.6B, decode after 128 tokens, f32", "Model/qwen3-0.6b-random/f32/.*/decode_at:128", kRead, 90},
    {"Qwen3-0.6B, decode after 128 tokens, bf16", "Model/qwen3-0.6b-random/bf16/.*/decode_at:128", kRead, 90},
    AtMost("The tree, projections of 512 rows, f32", "Tree/f32/.*/M:512", "times the time of one chain", 1.03, 3),
    AtMost("The tree, projections of 1 row, f32", "Tree/f32/.*/M:1", "times the time of one chain", 1.03, 3),
    AtMost("Small operations in GPT-2 124M's prefill of 512 tokens", "Profile/gpt2-124m-random/f32/.*", "% of its time", 8, 1),
    AtMost("Small operations in Qwen3-0.6B's prefill of 512 tokens", "Profile/qwen3-0.6b-random/f32/.*", "% of its time", 5, 1),
    AtMost("Loading 1.2 GB of bf16 from warm files", "Load/checkpoint/threads:.*", "seconds", 1.5, 2),
    AtMost("Loading them from packed weights", "Load/packed_cache/threads:.*", "seconds", 0.2, 2),
    AtMost("Memory of that checkpoint and 256 tokens", "Load/checkpoint/memory", "times weights and KV cache", 1.1, 2),
    AtMost("Memory with packed weights", "Load/packed_cache/memory", "times weights and KV cache", 1.1, 2),
};

// A share may be a little above 100 by the noise of the ceiling.
constexpr double kMostPercent = 105;

// What one cell sums up.
struct Cell {
  std::vector<std::string> names;       // without the number of threads
  std::vector<double> medians, noises;  // noise: half of the range between the quartiles, as a part of the median
};
// By instruction set and threads.
using Cells = std::map<std::pair<std::string, int64_t>, Cell>;

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

// How many times as fast as one thread two are, and for each of more of them.
constexpr double kTwoThreads = 1.9, kEachOfMore = 0.75;

// What is asked of that instruction set on so many threads.
double LimitOf(const Goal& goal, const std::string& isa, int64_t threads) {
  if (goal.speedup) return threads == 2 ? kTwoThreads : kEachOfMore * static_cast<double>(threads);
  return isa == "AVX2" && goal.avx2_limit > 0 ? goal.avx2_limit : goal.limit;
}

// "90.2 (89.0 - 91.1), noise 0.4"
std::string Text(const Cell& cell, const Goal& goal, double limit) {
  const double mean = GeometricMean(cell.medians);
  std::string text = Number(mean, goal.decimals);
  const auto [least, most] = std::minmax_element(cell.medians.begin(), cell.medians.end());
  if (cell.medians.size() > 1) text += " (" + Number(*least, goal.decimals) + " - " + Number(*most, goal.decimals) + ")";
  std::vector<double> noises = cell.noises;
  std::sort(noises.begin(), noises.end());
  text += ", noise " + Number(noises[noises.size() / 2] * mean, goal.decimals);
  if (limit <= 0) return text;
  // Nothing is faster than its ceiling: such a figure says that the ceiling was measured too low.
  if (!goal.at_most && !goal.speedup && goal.relative_to == nullptr && mean > kMostPercent) return text + "; above its ceiling, so no verdict";
  const bool met = goal.at_most ? mean <= limit : mean >= limit && *least >= goal.each;
  return text + (met ? "; met" : "; **missed**");
}

// Each figure of `cells` by what the goal compares it with.
Cells Compared(const Goal& goal, const Cells& cells, const Cells& others) {
  Cells compared;
  for (const auto& [key, cell] : cells) {
    if (goal.speedup && key.second == 1) continue;
    const auto found = others.find(goal.speedup ? std::pair(key.first, int64_t{1}) : key);
    if (found == others.end()) continue;
    const Cell& other = found->second;
    Cell out;
    for (size_t i = 0; i < cell.medians.size(); ++i) {
      const auto same = std::find(other.names.begin(), other.names.end(), cell.names[i]);
      if (goal.speedup && same == other.names.end()) continue;
      out.medians.push_back(goal.speedup ? other.medians[static_cast<size_t>(same - other.names.begin())] / cell.medians[i]
                                         : 100 * cell.medians[i] / GeometricMean(other.medians));
      out.noises.push_back(cell.noises[i]);
    }
    if (!out.medians.empty()) compared[key] = out;
  }
  return compared;
}

std::string TextField(const nlohmann::ordered_json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string() ? object[name].get<std::string>() : "?";
}

}  // namespace

bool IsOfAGoal(const std::string& name) {
  return std::any_of(std::begin(kGoals), std::end(kGoals),
                     [&](const Goal& goal) { return std::regex_match(name, std::regex(goal.names)); });
}

std::string GoalsTable(const nlohmann::ordered_json& document, const std::string& source) {
  std::map<size_t, Cells> goals;
  Cells projections;
  std::vector<std::string> isas;
  std::vector<int64_t> threads;
  const auto add = [](auto& list, const auto& value) {
    if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
  };
  size_t index = 0;
  for (const nlohmann::ordered_json& one : document.at("figures")) {
    const nlohmann::json plain = one;
    const JsonFields fields(plain, source + ": figure " + std::to_string(++index));
    const std::string name = fields.String("name").value_or("");
    const std::optional<std::string> isa = fields.String("isa");
    if (!isa || !IsOfAGoal(name)) continue;
    const std::string ceiling = fields.String("ceiling").value_or("memory");
    const std::pair key(*isa, fields.Integer("threads", 1, 4096).value_or(1));
    const auto put = [&](Cell& cell, const char* field) {
      const JsonFields spread = fields.Child(field);
      const std::optional<double> median = spread.Number("median", 1e-300, 1e300);
      const double q1 = spread.Number("q1", -1e300, 1e300).value_or(0), q3 = spread.Number("q3", -1e300, 1e300).value_or(0);
      if (!median) spread.Reject("median", "a number above 0");
      cell.names.push_back(std::regex_replace(name, std::regex("/threads:[0-9]+/"), "/"));
      cell.medians.push_back(*median);
      cell.noises.push_back((q3 - q1) / 2 / *median);
    };
    add(isas, key.first);
    add(threads, key.second);
    if (std::regex_match(name, std::regex(kProjections))) put(projections[key], "figure");
    for (size_t g = 0; g < std::size(kGoals); ++g) {
      // Of weights that a great cache held, reading memory says nothing.
      if (kGoals[g].unit == kRead && ceiling != "memory") continue;
      if (std::regex_match(name, std::regex(kGoals[g].names))) put(goals[g][key], kGoals[g].speedup ? "seconds" : "figure");
    }
  }
  if (goals.empty()) throw Error(source + " holds no figure that a goal is about; measure without a filter");
  std::sort(threads.begin(), threads.end());
  std::string text;
  for (const std::string& isa : isas) {
    if (isas.size() > 1) text += (text.empty() ? "" : "\n") + isa + ":\n\n";
    std::string rule = "|---|---|---|";
    text += "| what | as | goal |";
    for (const int64_t t : threads) {
      text += " " + std::to_string(t) + (t == 1 ? " thread |" : " threads |");
      rule += "---|";
    }
    text += "\n" + rule + "\n";
    for (const auto& [g, cells] : goals) {
      const Goal& goal = kGoals[g];
      const Cells shown = goal.speedup || goal.relative_to != nullptr ? Compared(goal, cells, goal.speedup ? cells : projections) : cells;
      if (std::none_of(shown.begin(), shown.end(), [&](const auto& cell) { return cell.first.first == isa; })) continue;
      const double limit = LimitOf(goal, isa, 1);
      std::string asked = goal.at_most ? "little" : "much";
      if (goal.speedup) {
        asked = "at least " + Number(kTwoThreads, 2) + " on two, " + Number(kEachOfMore, 2) + " a thread on more";
      } else if (limit > 0) {
        asked = (goal.at_most ? "at most " : "at least ") + Number(limit, limit < 2 ? 2 : 0);
      }
      if (goal.each > 0) asked += ", each " + Number(goal.each, 0);
      text += std::string("| ") + goal.what + " | " + goal.unit + " | " + asked + " |";
      for (const int64_t t : threads) {
        const auto cell = shown.find({isa, t});
        text += " " + (cell == shown.end() ? std::string("-") : Text(cell->second, goal, LimitOf(goal, isa, t))) + " |";
      }
      text += "\n";
    }
  }
  std::string names;
  for (const std::string& isa : isas) names += (names.empty() ? "" : " and ") + isa;
  text += "\nMeasured " + TextField(document, "date") + " on " + TextField(document.value("processor", nlohmann::ordered_json()), "name") +
          ", " + names + ", " + TextField(document, "compiler") + ", by `" + TextField(document, "command") + "`";
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
