// The ceilings as benchmarks of their own, and what is printed when all is done: every figure that has a goal, as a
// share of its ceiling, in one table a question.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

std::vector<Figure>& Figures() {
  static std::vector<Figure> figures;
  return figures;
}

// The members' distinct values, in the order in which they were first seen.
std::vector<std::string> Distinct(const std::vector<Figure>& figures, std::string Figure::*member) {
  std::vector<std::string> values;
  for (const Figure& f : figures) {
    if (std::find(values.begin(), values.end(), f.*member) == values.end()) values.push_back(f.*member);
  }
  return values;
}

// Of tables whose figures are shares of something.
bool HasMean(const std::string& title) {
  return title.find("percent") != std::string::npos || title.find(" / ") != std::string::npos;
}

double GeometricMean(const std::vector<double>& values) {
  double logarithms = 0;
  for (const double v : values) logarithms += std::log(std::max(v, 1e-9));
  return std::exp(logarithms / static_cast<double>(std::max<size_t>(1, values.size())));
}

void PrintTable(std::FILE* to, const std::string& title, const std::vector<Figure>& figures) {
  const std::vector<std::string> rows = Distinct(figures, &Figure::row), columns = Distinct(figures, &Figure::column);
  size_t width = 14;
  for (const std::string& row : rows) width = std::max(width, row.size());
  std::fprintf(to, "\n%s\n", title.c_str());
  // Wide tables are cut: at most so many columns side by side.
  constexpr size_t kColumns = 6;
  for (size_t first = 0; first < columns.size(); first += kColumns) {
    const size_t last = std::min(first + kColumns, columns.size());
    std::fprintf(to, "  %-*s", static_cast<int>(width), "");
    for (size_t c = first; c < last; ++c) std::fprintf(to, " %12s", columns[c].c_str());
    std::fprintf(to, "\n");
    std::vector<std::vector<double>> seen(columns.size());
    for (const std::string& row : rows) {
      std::fprintf(to, "  %-*s", static_cast<int>(width), row.c_str());
      for (size_t c = first; c < last; ++c) {
        std::vector<double> values;  // more than one where the benchmark was repeated
        for (const Figure& f : figures) {
          if (f.row == row && f.column == columns[c]) values.push_back(f.value);
        }
        if (values.empty()) {
          std::fprintf(to, " %12s", "-");
        } else {
          seen[c].push_back(Median(values));
          std::fprintf(to, " %12.*f", figures.front().decimals, seen[c].back());
        }
      }
      std::fprintf(to, "\n");
    }
    if (rows.size() < 3 || !HasMean(title)) continue;
    std::fprintf(to, "  %-*s", static_cast<int>(width), "geometric mean");
    for (size_t c = first; c < last; ++c) std::fprintf(to, " %12.*f", figures.front().decimals, GeometricMean(seen[c]));
    std::fprintf(to, "\n");
  }
}

void PrintCeilings(std::FILE* to) {
  std::fprintf(to, "\nCeilings, over all slices of the run (median; best)\n");
  for (const auto& [key, slices] : TheCeilings().slices()) {
    const double median = Median(slices) * 1e-9, best = *std::max_element(slices.begin(), slices.end()) * 1e-9;
    const CeilingLoops* loops = LoopsOf(key.first);
    std::fprintf(to, "  %-32s %2d thread%s %10.1f %10.1f %s\n",
                 key.first.empty()     ? "read from memory"
                 : loops->native_fma   ? ("multiply-add " + key.first).c_str()
                                       : ("multiply-add, emulated, " + key.first).c_str(),
                 key.second, key.second == 1 ? " " : "s", median, best, key.first.empty() ? "GB/s" : "GFLOP/s");
  }
}

}  // namespace

void RegisterCeilings() {
  for (const int threads : ThreadCounts()) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    // 21 slices each: about 20 to 40 milliseconds.
    const auto measure = [threads](benchmark::State& state, const char* unit, const std::function<double(Team&)>& slice) {
      Team team(PoolOf(threads), threads);
      std::vector<double> rates;
      for (auto _ : state) {
        for (int i = 0; i < 21; ++i) rates.push_back(slice(team));
      }
      state.counters[unit] = 1e-9 * Median(rates);
      state.counters["best"] = 1e-9 * *std::max_element(rates.begin(), rates.end());
    };
    for (const std::string& isa : KernelIsas()) {
      const CeilingLoops* loops = LoopsOf(isa);
      if (loops == nullptr) continue;
      Register(std::string("Ceiling/") + (loops->native_fma ? "fma/" : "fma_emulated/") + isa + suffix,
               [=](benchmark::State& state) {
                 measure(state, "GFLOP/s", [&](Team& team) { return TheCeilings().Fma(isa, team); });
               });
    }
    Register("Ceiling/read/memory" + suffix, [=](benchmark::State& state) {
      measure(state, "GB/s", [](Team& team) { return TheCeilings().Read(team); });
    });
  }
  for (const std::string& isa : KernelIsas()) {
    for (const auto& [level, bytes] : {std::pair{"L1", size_t{16} << 10}, std::pair{"L2", size_t{192} << 10}}) {
      Register(std::string("Ceiling/read/") + level + "/" + isa + "/threads:1", [=, bytes = bytes](benchmark::State& state) {
        double rate = 0;
        for (auto _ : state) rate = TheCeilings().ReadCached(isa, bytes);
        state.counters["GB/s"] = 1e-9 * rate;
      });
    }
  }
}

void Record(const Figure& figure) { Figures().push_back(figure); }

std::vector<Mean> Means() {
  std::vector<Mean> means;
  for (const std::string& title : Distinct(Figures(), &Figure::table)) {
    if (!HasMean(title)) continue;
    std::vector<Figure> figures;
    std::copy_if(Figures().begin(), Figures().end(), std::back_inserter(figures),
                 [&](const Figure& f) { return f.table == title; });
    for (const std::string& column : Distinct(figures, &Figure::column)) {
      std::vector<double> values;
      for (const Figure& f : figures) {
        if (f.column == column) values.push_back(f.value);
      }
      if (values.size() >= 3) means.push_back({title, column, GeometricMean(values), values.size()});
    }
  }
  return means;
}

void PrintSummary(std::FILE* to) {
  for (const std::string& title : Distinct(Figures(), &Figure::table)) {
    std::vector<Figure> figures;
    std::copy_if(Figures().begin(), Figures().end(), std::back_inserter(figures),
                 [&](const Figure& f) { return f.table == title; });
    PrintTable(to, title, figures);
  }
  if (!TheCeilings().slices().empty()) PrintCeilings(to);
}

}  // namespace invar::bench
