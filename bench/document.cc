#include "bench/document.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>

#include <benchmark/benchmark.h>

#include "bench/ceilings.h"
#include "bench/harness.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/memory.h"
#include "runtime/base/version.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

using nlohmann::ordered_json;

// Six digits: a benchmark knows no more of a figure.
double Rounded(double v) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", v);
  return std::strtod(text, nullptr);
}

ordered_json JsonOf(const Spread& s) {
  return {{"median", Rounded(s.median)}, {"q1", Rounded(s.q1)}, {"q3", Rounded(s.q3)}, {"measurements", s.count}};
}

// The name that Linux gives the processor; empty elsewhere.
std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

std::string CompilerName() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

std::string Now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

ordered_json Machine() {
  utsname system = {};
  ::uname(&system);
  ordered_json machine = {{"system", std::string(system.sysname) + " " + system.release},
                          {"architecture", system.machine},
                          {"threads", AvailableThreads()}};
  // Of the minute before: who compares documents sees whether the machine was shared.
  if (TheOptions().load_at_start >= 0) machine["load_average_at_start"] = Rounded(TheOptions().load_at_start);
  return machine;
}

ordered_json Processor() {
  ordered_json caches = ordered_json::array();
  for (const benchmark::CPUInfo::CacheInfo& cache : benchmark::CPUInfo::Get().caches) {
    caches.push_back({{"type", cache.type}, {"level", cache.level}, {"bytes", cache.size}, {"shared_by", cache.num_sharing}});
  }
  return {{"name", ProcessorName()}, {"instruction_sets", SupportedIsas()}, {"caches", caches}};
}

ordered_json CeilingList() {
  ordered_json ceilings = ordered_json::array();
  for (const auto& [key, slices] : TheCeilings().slices()) {
    if (slices.empty()) continue;
    const bool memory = key.first.empty();
    ordered_json one = {{"ceiling", memory ? "memory" : "multiply-add"}};
    if (!memory) one["isa"] = key.first;
    one["threads"] = key.second;
    one["unit"] = memory ? "byte/s" : "operation/s";
    one.update(JsonOf(SpreadOf(slices)));
    one["best"] = Rounded(*std::max_element(slices.begin(), slices.end()));
    ceilings.push_back(std::move(one));
  }
  return ceilings;
}

ordered_json JsonOf(const Result& r) {
  ordered_json one = {{"name", r.name}};
  if (!r.isa.empty()) one["isa"] = r.isa;
  one["threads"] = r.threads;
  if (!r.ceiling.empty()) one["ceiling"] = r.ceiling;
  one["unit"] = r.unit;
  one["better"] = r.more_is_better ? "more" : "less";
  one["figure"] = JsonOf(r.figure);
  if (r.seconds.count > 0) one["seconds"] = JsonOf(r.seconds);
  for (const auto& [name, rate] : r.rates) one[name] = Rounded(rate);
  return one;
}

}  // namespace

double LoadAverage() {
  std::ifstream file("/proc/loadavg");
  double load = 0;
  return file >> load ? load : -1;
}

ordered_json Document(const std::string& command) {
  ordered_json figures = ordered_json::array();
  for (const Result& r : Results()) figures.push_back(JsonOf(r));
  ordered_json means = ordered_json::array();
  for (const Mean& m : Means()) {
    means.push_back({{"table", m.table}, {"column", m.column}, {"geometric_mean", Rounded(m.value)}, {"figures", m.figures}});
  }
  return {{"format", kDocumentFormat}, {"version", kVersion},       {"command", command},
          {"date", Now()},             {"compiler", CompilerName()}, {"machine", Machine()},
          {"processor", Processor()},  {"ceilings", CeilingList()}, {"figures", figures},
          {"means", means}};
}

std::string Csv(const std::vector<Result>& results) {
  std::string text = "name,isa,threads,ceiling,unit,median,q1,q3,measurements,seconds,seconds_q1,seconds_q3\n";
  const auto number = [](double v) {
    char digits[32];
    std::snprintf(digits, sizeof(digits), "%.6g", v);
    return std::string(digits);
  };
  for (const Result& r : results) {
    // Names hold commas here and there.
    text += "\"" + r.name + "\"," + r.isa + "," + std::to_string(r.threads) + "," + r.ceiling + "," + r.unit;
    for (const double v : {r.figure.median, r.figure.q1, r.figure.q3}) text += "," + number(v);
    text += "," + std::to_string(r.figure.count);
    if (r.seconds.count == 0) {
      text += ",,,\n";
      continue;
    }
    for (const double v : {r.seconds.median, r.seconds.q1, r.seconds.q3}) text += "," + number(v);
    text += "\n";
  }
  return text;
}

ordered_json ReadDocument(const std::string& path) {
  constexpr size_t kMost = size_t{64} << 20;
  ordered_json document = ParseOrderedJson(ReadWholeFile(path, kMost), path);
  const auto holds = [&](const char* name) { return document.is_object() && document.contains(name); };
  if (!holds("format") || document["format"] != kDocumentFormat || !holds("figures") || !document["figures"].is_array()) {
    throw Error(path + " is no document of these benchmarks (" + kDocumentFormat + "); make one with: ./run bench --json FILE");
  }
  return document;
}

void WriteOutput(const std::string& path, const std::string& text) {
  if (path == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
      throw Error("standard output could not be written");
    }
    return;
  }
  AtomicFile file(path);
  file.Write(text);
  file.Commit();
}

}  // namespace invar::bench
