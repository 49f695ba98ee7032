#include "bench/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar::bench {
namespace {

struct Figure {
  std::string name, unit;
  bool more_is_better;
  double median, q1, q3;
};

std::vector<Figure> FiguresOf(const nlohmann::ordered_json& document, const std::string& source) {
  std::vector<Figure> figures;
  size_t index = 0;
  for (const nlohmann::ordered_json& one : document.at("figures")) {
    const std::string where = source + ": figure " + std::to_string(++index);
    const nlohmann::json plain = one;
    const JsonFields fields(plain, where);
    const auto text = [&](const JsonFields& from, const char* name) {
      const std::optional<std::string> value = from.String(name);
      if (!value) from.Reject(name, "a string");
      return *value;
    };
    if (!fields.Find("figure")) fields.Reject("figure", "an object");
    const JsonFields spread = fields.Child("figure");
    const auto number = [&](const char* name) {
      const std::optional<double> value = spread.Number(name, -1e300, 1e300);
      if (!value) spread.Reject(name, "a number");
      return *value;
    };
    figures.push_back({text(fields, "name"), text(fields, "unit"), text(fields, "better") == "more", number("median"),
                       number("q1"), number("q3")});
  }
  return figures;
}

double Noise(const Figure& f) { return f.median == 0 ? 0 : 50 * (f.q3 - f.q1) / std::abs(f.median); }

std::string Line(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string Line(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace

Comparison Compare(const nlohmann::ordered_json& old_document, const std::string& old_name,
                   const nlohmann::ordered_json& new_document, const std::string& new_name) {
  Comparison comparison;
  std::map<std::string, Figure> before;
  for (const Figure& f : FiguresOf(old_document, old_name)) before.insert_or_assign(f.name, f);
  for (const Figure& now : FiguresOf(new_document, new_name)) {
    const auto found = before.find(now.name);
    if (found == before.end() || found->second.unit != now.unit) {
      comparison.only_new.push_back(now.name);
      continue;
    }
    const Figure& old = found->second;
    Change change;
    change.name = now.name;
    change.unit = now.unit;
    change.old_median = old.median;
    change.new_median = now.median;
    change.old_noise = Noise(old);
    change.new_noise = Noise(now);
    const double difference = now.median - old.median;
    change.percent = difference == 0 ? 0 : 100 * difference / std::abs(old.median);
    change.exceeds_noise = std::abs(difference) > (old.q3 - old.q1 + now.q3 - now.q1) / 2;
    change.better = change.exceeds_noise && (difference > 0) == now.more_is_better;
    comparison.changes.push_back(std::move(change));
    before.erase(found);
  }
  for (const auto& [name, figure] : before) comparison.only_old.push_back(name);
  return comparison;
}

std::string TextOf(const Comparison& comparison) {
  std::string text;
  size_t better = 0, worse = 0, width = 20;
  for (const Change& c : comparison.changes) width = std::max(width, c.name.size());
  text += Line("%-*s %12s %12s %9s  %s\n", static_cast<int>(width), "figure", "old", "new", "change", "");
  for (const Change& c : comparison.changes) {
    if (c.exceeds_noise) ++(c.better ? better : worse);
    text += Line("%-*s %12.4g %12.4g %+8.1f%%  noise %.1f%% and %.1f%%%s\n", static_cast<int>(width), c.name.c_str(),
                 c.old_median, c.new_median, c.percent, c.old_noise, c.new_noise,
                 !c.exceeds_noise ? "" : c.better ? "  BETTER, beyond noise" : "  WORSE, beyond noise");
  }
  const auto list = [&](const char* title, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += std::string(title) + "\n";
    for (const std::string& name : names) text += "  " + name + "\n";
  };
  list("only in the old document:", comparison.only_old);
  list("only in the new document:", comparison.only_new);
  text += Line("%zu figures compared: %zu better and %zu worse beyond the noise of both, %zu within it\n",
               comparison.changes.size(), better, worse, comparison.changes.size() - better - worse);
  return text;
}

}  // namespace invar::bench
