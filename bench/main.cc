// invar_bench: Google Benchmark's program, its flags, and a few of its own (--help).
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/compare.h"
#include "bench/document.h"
#include "bench/goals.h"
#include "bench/harness.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/kernels/selection.h"

namespace invar::bench {
namespace {

constexpr char kHelp[] =
    "invar_bench [--quick] [--json [FILE]] [--csv [FILE]] [--goals [FILE]] [--sweep [DIR]] [--compare OLD.json [--with NEW.json]]\n"
    "            [--isa NAME[,NAME]] [--threads N[,N]] [--rounds N] [--model DIR]...\n"
    "\n"
    "Measures every kernel, the whole operations and the models, as shares of what the machine can do.\n"
    "\n"
    "  --quick         a subset, under five minutes\n"
    "  --json [FILE]   one document: the machine, its ceilings, every figure as a share of them with its noise. Without FILE\n"
    "                  it goes to standard output, and the tables to standard error\n"
    "  --csv [FILE]    the figures alone, one a line\n"
    "  --goals [FILE]  only what a goal is about; the table of goals goes into FILE between its marks (docs/performance.md), or\n"
    "                  to standard output\n"
    "  --compare OLD   when done, the change of every figure since that document, beside the noise of both\n"
    "  --with NEW      nothing is measured: NEW is what --compare compares with, and --goals tells of\n"
    "  --sweep [DIR]   only sweeps over batch, context, prompt and model size, as SVG and CSV in DIR (docs/figures)\n"
    "  --isa           only these instruction sets\n"
    "  --threads       only these thread counts; otherwise 1 and all\n"
    "  --rounds        measurements of each benchmark, of which the median counts; otherwise 9 (quick: 5), fewer of long ones\n"
    "  --model         also this checkpoint directory; may be given again. INVAR_BENCH_MODELS: the same, separated by ':'\n"
    "\n"
    "Google Benchmark's own flags work too: --benchmark_filter=REGEX, --benchmark_list_tests, --benchmark_repetitions=N,\n"
    "--benchmark_out=FILE with --benchmark_out_format=csv, ...\n";

// Where documents go: empty for nowhere, "-" for standard output.
struct Outputs {
  std::string json, csv;
  std::string compare, with;  // documents to read
  std::string sweep;          // the folder of the charts
  std::string goals;          // a page to write the table of goals into, or "-"
};

// A benchmark here is one iteration that measures in its own way (harness.h); what it found goes into the time columns.
template <class Base>
class WithMeasuredTime : public Base {
 public:
  using Base::Base;
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    std::vector<benchmark::BenchmarkReporter::Run> shown = runs;
    for (auto& run : shown) {
      const auto seconds = run.counters.find("seconds");
      if (seconds == run.counters.end()) continue;
      const double iterations = run.iterations == 0 ? 1.0 : static_cast<double>(run.iterations);
      run.real_accumulated_time = seconds->second.value * iterations;
      run.cpu_accumulated_time = run.real_accumulated_time;
      run.counters.erase(seconds);
    }
    Base::ReportRuns(shown);
  }
};

std::vector<std::string> Split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

int Positive(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1 || value > 4096) {
    throw UsageError(flag + " " + text + ": give a whole number from 1 to 4096");
  }
  return static_cast<int>(value);
}

// Takes our own flags out of the arguments; the rest is Google Benchmark's.
Outputs TakeFlags(std::vector<std::string>& arguments) {
  Options& options = TheOptions();
  if (const char* models = std::getenv("INVAR_BENCH_MODELS")) {
    for (const std::string& model : Split(models, ':')) options.models.emplace_back(model);
  }
  Outputs outputs;
  std::vector<std::string> others = {arguments[0]};
  for (size_t i = 1; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string flag = arguments[i].substr(0, equals);
    const auto value = [&]() -> std::string {
      if (equals != std::string::npos) return arguments[i].substr(equals + 1);
      if (i + 1 == arguments.size()) throw UsageError(flag + " needs a value; see --help");
      return arguments[++i];
    };
    // A file, or something else where another flag follows, or nothing.
    const auto file = [&](const std::string& otherwise) -> std::string {
      const bool follows = i + 1 < arguments.size() && arguments[i + 1].rfind("--", 0) != 0;
      return equals != std::string::npos || follows ? value() : otherwise;
    };
    if (flag == "--quick") {
      options.quick = true;
    } else if (flag == "--json") {
      outputs.json = file("-");
    } else if (flag == "--csv") {
      outputs.csv = file("-");
    } else if (flag == "--sweep") {
      outputs.sweep = file(std::string(INVAR_SOURCE_DIR) + "/docs/figures");
    } else if (flag == "--goals") {
      outputs.goals = file("-");
      options.goals = true;
    } else if (flag == "--compare") {
      outputs.compare = value();
    } else if (flag == "--with") {
      outputs.with = value();
    } else if (flag == "--isa") {
      for (const std::string& isa : Split(value(), ',')) options.isas.push_back(Kernels::Of(isa).isa());
    } else if (flag == "--threads") {
      for (const std::string& threads : Split(value(), ',')) options.threads.push_back(Positive(flag, threads));
    } else if (flag == "--rounds") {
      options.rounds = Positive(flag, value());
    } else if (flag == "--model") {
      options.models.emplace_back(value());
    } else {
      others.push_back(arguments[i]);
    }
  }
  arguments = others;
  if ((outputs.json == "-") + (outputs.csv == "-") + (outputs.goals == "-") > 1) {
    throw UsageError("--json, --csv and --goals cannot share standard output; give all but one of them a file");
  }
  if (!outputs.with.empty() && outputs.compare.empty() && outputs.goals.empty()) {
    throw UsageError("--with needs --compare OLD.json or --goals");
  }
  return outputs;
}

// The tables' place: standard output, unless a document goes there.
std::FILE* Tables(const Outputs& outputs) {
  return outputs.json == "-" || outputs.csv == "-" || outputs.goals == "-" ? stderr : stdout;
}

// The page for the goals with this table in place of its own, or the table alone for standard output.
std::string PageOfGoals(const Outputs& outputs, const std::string& table) {
  constexpr size_t kMost = size_t{16} << 20;
  return outputs.goals == "-" ? table : WithGoals(ReadWholeFile(outputs.goals, kMost), table, outputs.goals);
}

void WriteGoals(const Outputs& outputs, const nlohmann::ordered_json& document, const std::string& source) {
  WriteOutput(outputs.goals, PageOfGoals(outputs, GoalsTable(document, source)));
}

void PrintComparison(const Outputs& outputs, const nlohmann::ordered_json& old_document,
                     const nlohmann::ordered_json& new_document, const std::string& new_name) {
  const std::string text = TextOf(Compare(old_document, outputs.compare, new_document, new_name));
  std::fprintf(Tables(outputs), "\n%s", text.c_str());
}

int Main(int argc, char** argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  if (std::find(arguments.begin() + 1, arguments.end(), "--help") != arguments.end()) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::string command = "./run bench";  // what leads here
  // Documents are published: of whole paths only the names.
  for (size_t i = 1; i < arguments.size(); ++i) command += " " + (arguments[i].rfind('/', 0) == 0 ? std::filesystem::path(arguments[i]).filename().string() : arguments[i]);
  const Outputs outputs = TakeFlags(arguments);
  TheOptions().load_at_start = LoadAverage();
  // Read before anything is measured, in case it cannot be.
  nlohmann::ordered_json old_document;
  if (!outputs.compare.empty()) old_document = ReadDocument(outputs.compare);
  if (!outputs.goals.empty()) PageOfGoals(outputs, "");  // throws where the page is not there or lacks its marks
  if (!outputs.with.empty()) {
    const nlohmann::ordered_json document = ReadDocument(outputs.with);
    if (!outputs.compare.empty()) PrintComparison(outputs, old_document, document, outputs.with);
    if (!outputs.goals.empty()) WriteGoals(outputs, document, outputs.with);
    return 0;
  }
  // One iteration is a whole measurement: the least time asked for must not make Google Benchmark want more of them.
  arguments.insert(arguments.begin() + 1, "--benchmark_min_time=0.000000001");
  std::vector<char*> pointers;
  bool has_file = false;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
    has_file = has_file || argument.rfind("--benchmark_out=", 0) == 0;
  }
  bool csv = false;
  for (const std::string& argument : arguments) csv = csv || argument == "--benchmark_out_format=csv";
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;

  if (outputs.sweep.empty()) {
    RegisterCeilings();
    RegisterMatmul();
    RegisterTree();
    RegisterAttention();
    RegisterModels();
    RegisterProfiles();
    RegisterTokenizers();
    RegisterSampling();
    RegisterLoads();
    RegisterFunctions();
    RegisterKernels();
  } else {
    RegisterSweeps();
  }

  const std::vector<std::string> supported = SupportedIsas();
  std::string isas;
  for (const std::string& isa : supported) isas += (isas.empty() ? "" : " ") + isa;
  benchmark::AddCustomContext("instruction_sets", isas);
  benchmark::AddCustomContext("threads", std::to_string(AvailableThreads()));

  using benchmark::ConsoleReporter;
  const auto style = isatty(1) ? ConsoleReporter::OO_ColorTabular : ConsoleReporter::OO_Tabular;
  WithMeasuredTime<ConsoleReporter> console(style);
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the only way to have the times right in a CSV file too
#endif
  WithMeasuredTime<benchmark::CSVReporter> csv_reporter;
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
  if (Tables(outputs) == stderr) {
    console.SetOutputStream(&std::cerr);
    console.SetErrorStream(&std::cerr);
  }
  benchmark::BenchmarkReporter* file = nullptr;
  WithMeasuredTime<benchmark::JSONReporter> json_file;
  if (has_file) file = csv ? static_cast<benchmark::BenchmarkReporter*>(&csv_reporter) : &json_file;
  const size_t ran = benchmark::RunSpecifiedBenchmarks(&console, file);
  PrintSummary(Tables(outputs));
  benchmark::Shutdown();
  if (ran == 0) return 1;
  const nlohmann::ordered_json document = Document(command);
  if (!outputs.sweep.empty()) WriteSweeps(outputs.sweep, Tables(outputs));
  if (!outputs.json.empty()) WriteOutput(outputs.json, document.dump(1) + "\n");
  if (!outputs.csv.empty()) WriteOutput(outputs.csv, Csv(Results()));
  if (!outputs.compare.empty()) PrintComparison(outputs, old_document, document, "this run");
  if (!outputs.goals.empty()) WriteGoals(outputs, document, "this run");
  return 0;
}

}  // namespace
}  // namespace invar::bench

int main(int argc, char** argv) {
  try {
    return invar::bench::Main(argc, argv);
  } catch (const invar::UsageError& e) {
    std::fprintf(stderr, "invar_bench: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "invar_bench: %s\n", e.what());
    return 1;
  }
}
