#include "runtime/cli/profile_report.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace invar::cli {
namespace {

struct Line {
  std::string name;
  uint64_t calls = 0;
  int64_t nanoseconds = 0;
  bool small = false;
};

bool IsSmall(ProfiledKind kind) {
  switch (kind) {
    case ProfiledKind::kMatmul:
    case ProfiledKind::kAttention:
    case ProfiledKind::kKvStore:
      return false;
    case ProfiledKind::kSoftmax:
    case ProfiledKind::kNorm:
    case ProfiledKind::kRope:
    case ProfiledKind::kActivation:
    case ProfiledKind::kEmbedding:
    case ProfiledKind::kSampling:
      return true;
  }
  return false;
}

std::vector<Line> LinesOf(int64_t phase, const Profile& profile, const SoftmaxCost& softmax) {
  std::vector<Line> lines;
  int64_t other = phase;
  for (const Profile::Entry& e : profile.entries()) {
    other -= e.nanoseconds;
    const std::string name = (e.kind == ProfiledKind::kMatmul ? "matmul " : "") + e.name;
    lines.push_back({name, e.calls, e.nanoseconds, IsSmall(e.kind)});
    if (e.kind != ProfiledKind::kAttention) continue;
    const double estimate = 1e-3 * static_cast<double>(profile.attention_weights()) *
                            static_cast<double>(softmax.picoseconds) / softmax.threads;
    const int64_t part = std::min(e.nanoseconds, static_cast<int64_t>(estimate));
    lines.back().name = "attention but for softmax";
    lines.back().nanoseconds -= part;
    lines.push_back({"softmax of attention (estimated)", e.calls, part, true});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.nanoseconds > b.nanoseconds; });
  lines.push_back({"other", 0, std::max<int64_t>(other, 0), false});
  return lines;
}

}  // namespace

SoftmaxCost MeasureSoftmax(const Kernels& kernels, int threads) {
  constexpr size_t kRows = 16, kColumns = 256;  // a leaf of some queries, in the first-level cache
  std::vector<float> x(kRows * kColumns), y(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = -static_cast<float>(i * 7919 % 1000) * 0.01f;
  const invar_rows_args args = {kRows, kColumns, x.data(), kColumns, nullptr, nullptr, 0.0f, y.data(), kColumns};
  int64_t least = INT64_MAX;
  for (int i = 0; i < 200; ++i) {
    const auto start = std::chrono::steady_clock::now();
    kernels.softmax(&args);
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    least = std::min<int64_t>(least, spent.count());
  }
  return {least * 1000 / static_cast<int64_t>(x.size()), std::max(threads, 1)};
}

double SmallPercent(int64_t nanoseconds, const Profile& profile, const SoftmaxCost& softmax) {
  int64_t small = 0;
  for (const Line& line : LinesOf(nanoseconds, profile, softmax)) small += line.small ? line.nanoseconds : 0;
  return 100 * static_cast<double>(small) / static_cast<double>(std::max<int64_t>(nanoseconds, 1));
}

std::string ProfileReport(const std::string& phase, size_t tokens, int64_t nanoseconds, const Profile& profile,
                          const SoftmaxCost& softmax) {
  const std::vector<Line> lines = LinesOf(nanoseconds, profile, softmax);
  size_t width = 32;
  for (const Line& line : lines) width = std::max(width, line.name.size());
  const double whole = static_cast<double>(std::max<int64_t>(nanoseconds, 1));
  std::string text;
  char row[256];
  const auto add = [&](const char* format, auto... values) {
    std::snprintf(row, sizeof(row), format, values...);
    text += row;
  };
  add("profile of %s: %zu tokens in %.6f s\n", phase.c_str(), tokens, 1e-9 * whole);
  add("  %-*s %8s %11s %8s\n", static_cast<int>(width), "operation", "calls", "seconds", "percent");
  for (const Line& line : lines) {
    add("  %-*s %8s %11.6f %8.2f\n", static_cast<int>(width), line.name.c_str(),
        line.calls == 0 ? "-" : std::to_string(line.calls).c_str(), 1e-9 * static_cast<double>(line.nanoseconds),
        100 * static_cast<double>(line.nanoseconds) / whole);
  }
  add("  small operations (softmax, norms, activations, rope, embedding, sampling): %.2f %% of %s\n",
      SmallPercent(nanoseconds, profile, softmax), phase.c_str());
  return text;
}

}  // namespace invar::cli
