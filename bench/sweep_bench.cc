// Sweeps: how the time of a step grows with the batch, the context and the model, beside the least time that the ceilings
// allow for it. Each becomes a chart and lines of a table (docs/figures); docs/performance.md says why the slopes are what
// they are.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/document.h"
#include "bench/harness.h"
#include "bench/model_work.h"
#include "bench/random_model.h"
#include "bench/svg.h"

namespace invar::bench {
namespace {

// One point: a pass of some model, at a place on the x axis.
struct Point {
  std::string series;
  double x = 0;
  Spread seconds;
  double bound_seconds = 0;
  std::string ceiling;
  double tokens = 0;  // of a pass
};

struct Sweep {
  const char* name;
  const char* title;
  const char* x_label;
  bool log_axes;
  double fit_from;  // the line is fitted to the points from here on
  std::vector<Point> points;
};

enum Which { kBatch, kContext, kPrompt, kSize };

std::vector<Sweep>& Sweeps() {
  static std::vector<Sweep> sweeps = {
      {"batch", "A decode step over the sequences in the batch (128 tokens each)", "sequences", true, 8, {}},
      {"context", "A decode step over the tokens before it", "tokens in the cache", false, 0, {}},
      {"prompt", "Prefill over the tokens of the prompt", "tokens", true, 128, {}},
      {"size", "A decode step over the size of the model (GPT-2's form, float32)", "million weights in projections", true, 20, {}},
  };
  return sweeps;
}

void RunPoint(benchmark::State& state, Which which, const Subject& subject, const std::string& series, double x,
              size_t sequences, size_t position, size_t count) {
  ModelPass pass(LoadedModel(subject), OperationIsas().front(), sequences, position, count);
  const Work work = pass.OnThreads(ThreadCounts().front());
  Run(state, work);
  const Result& result = Results().back();
  const double bound = result.ceiling.empty() ? 0 : result.seconds.median * result.figure.median / 100;
  Sweeps()[which].points.push_back({series, x, result.seconds, bound, result.ceiling, work.tokens});
}

void Add(Which which, const Subject& subject, const std::string& series, double x, size_t sequences, size_t position,
         size_t count) {
  char at[32];
  std::snprintf(at, sizeof(at), "%g", x);
  Register("Sweep/" + std::string(Sweeps()[which].name) + "/" + series + "/" + at,
           [=](benchmark::State& state) { RunPoint(state, which, subject, series, x, sequences, position, count); });
}

double MillionWeights(const ModelConfig& c) {
  const double width = static_cast<double>(c.hidden_size);
  return 1e-6 * (static_cast<double>(c.layers) * width * (4 * width + 2 * static_cast<double>(c.intermediate_size)) +
                 width * static_cast<double>(c.vocab_size));
}

std::vector<std::string> SeriesOf(const Sweep& sweep) {
  std::vector<std::string> names;
  for (const Point& p : sweep.points) {
    if (std::find(names.begin(), names.end(), p.series) == names.end()) names.push_back(p.series);
  }
  return names;
}

// In milliseconds.
std::vector<ChartPoint> Drawn(const Sweep& sweep, const std::string& series, bool bound) {
  std::vector<ChartPoint> points;
  for (const Point& p : sweep.points) {
    if (p.series != series) continue;
    if (!bound) points.push_back({p.x, 1e3 * p.seconds.median, 1e3 * p.seconds.q1, 1e3 * p.seconds.q3});
    if (bound && p.bound_seconds > 0) points.push_back({p.x, 1e3 * p.bound_seconds});
  }
  return points;
}

std::vector<ChartPoint> From(double x, std::vector<ChartPoint> points) {
  std::erase_if(points, [x](const ChartPoint& p) { return p.x < x; });
  return points;
}

std::string Field(double v) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", v);
  return text;
}

}  // namespace

void RegisterSweeps() {
  const Subject gpt2 = RandomSubject("gpt2-124m", Gpt2Small(), DType::kF32);
  const Subject qwen3 = RandomSubject("qwen3-0.6b", Qwen3Small(), DType::kBF16);
  const bool quick = TheOptions().quick;
  for (const Subject& subject : {gpt2, qwen3}) {
    for (const size_t batch : {1, 2, 4, 8, 16, 32, 64}) {
      if (quick && batch > 8) continue;
      Add(kBatch, subject, subject.name, static_cast<double>(batch), batch, 128, 1);
    }
    for (const size_t position : {128, 256, 512, 960, 2048, 4096, 8192}) {
      if (position >= subject.config.max_positions || (quick && position > 2048)) continue;
      Add(kContext, subject, subject.name, static_cast<double>(position), 1, position, 1);
    }
    for (const size_t count : {16, 32, 64, 128, 256, 512, 1024, 2048}) {
      if (count > subject.config.max_positions || (quick && count > 256)) continue;
      Add(kPrompt, subject, subject.name, static_cast<double>(count), 1, 0, count);
    }
  }
  constexpr std::pair<size_t, size_t> kSizes[] = {{512, 8}, {640, 10}, {768, 12}, {1024, 16}, {1280, 20}, {1600, 24}};
  for (const auto& [width, layers] : kSizes) {
    if (quick && width > 1024) continue;
    const Subject subject = RandomSubject("gpt2-" + std::to_string(width) + "x" + std::to_string(layers),
                                          Gpt2Sized(width, layers), DType::kF32);
    Add(kSize, subject, "gpt2-form/f32", MillionWeights(subject.config), 1, 128, 1);
  }
}

void WriteSweeps(const std::filesystem::path& directory, std::FILE* to) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::string table = "sweep,model,x,ms,ms_q1,ms_q3,least_ms,ceiling,percent_of_ceiling,tokens_per_second\n";
  std::string fits = "sweep,model,from_x,ms_per_x,ms_at_zero,least_ms_per_x,least_ms_at_zero\n";
  for (const Sweep& sweep : Sweeps()) {
    if (sweep.points.empty()) continue;
    Chart chart = {sweep.title, sweep.x_label, "milliseconds", sweep.log_axes, sweep.log_axes, {}};
    for (const std::string& series : SeriesOf(sweep)) {
      const std::vector<ChartPoint> measured = Drawn(sweep, series, false), bound = Drawn(sweep, series, true);
      chart.series.push_back({series, measured, false});
      if (!bound.empty()) chart.series.push_back({series + ": least that the ceilings allow", bound, true});
      const Fit fit = FitLine(From(sweep.fit_from, measured)), least = FitLine(From(sweep.fit_from, bound));
      fits += std::string(sweep.name) + "," + series;
      for (const double v : {sweep.fit_from, fit.slope, fit.at_zero, least.slope, least.at_zero}) fits += "," + Field(v);
      fits += "\n";
    }
    for (const Point& p : sweep.points) {
      table += std::string(sweep.name) + "," + p.series;
      for (const double v : {p.x, 1e3 * p.seconds.median, 1e3 * p.seconds.q1, 1e3 * p.seconds.q3, 1e3 * p.bound_seconds}) {
        table += "," + Field(v);
      }
      table += "," + p.ceiling + "," + Field(100 * p.bound_seconds / p.seconds.median) + "," +
               Field(p.tokens / p.seconds.median) + "\n";
    }
    WriteOutput((directory / (std::string(sweep.name) + ".svg")).string(), Svg(chart));
  }
  WriteOutput((directory / "sweep.csv").string(), table);
  WriteOutput((directory / "slopes.csv").string(), fits);
  std::fprintf(to, "\n%s\nwritten to %s\n", fits.c_str(), directory.string().c_str());
}

}  // namespace invar::bench
