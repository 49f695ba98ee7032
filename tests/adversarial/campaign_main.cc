// Random cases of every operation, drawn to break equality, on every instruction set and tile that runs here:
//
//   campaign [--seed S] [--comparisons N | --cases N] [--threads T] [--operation NAME] [--isa NAME] [--tile NAME] [--case I]
//            [--digests yes]
//
// --digests prints a SHA-256 of each operation's results, and of every function's at all hard arguments and at a share of
// all others drawn by the seed: another build, on another processor, that computes as many cases must print the same.
// A build without MPFR has no oracle for functions and what is made of them; its digests say whether it is right.
//
// Each result is compared with the scalar oracle (tests/oracle) by memcmp; where a case is too large for that, with the
// oracle in part and with the first kernel's result in whole. Case I of a seed is the same case whatever the other options
// are, so a difference is told with the command that runs that case alone. Exit status 0: no difference; 1: one; 2: usage.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/sha256.h"
#include "tests/adversarial/case.h"
#include "tests/adversarial/functions.h"
#include "tests/oracle/arithmetic.h"

namespace invar::adversarial {
namespace {

struct Options {
  uint64_t seed = 1, comparisons = 0;  // 0: by INVAR_TEST_SCALE
  uint64_t cases = 0;                  // 0: as many as the comparisons need
  bool digests = false;
  size_t threads = 1;
  std::string operation, isa, tile;
  bool one = false;
  uint64_t number = 0;  // of the one case
};

// What of a case is kept until its turn: results are counted in the order of cases, so that threads change nothing.
struct Outcome {
  uint64_t with_oracle = 0, between = 0;
  std::string failure;  // empty: no difference
  std::vector<float> results;  // for the digests
};

std::string Describe(const Options& options, const Case& c, uint64_t number) {
  const Difference& d = *c.difference;
  char text[512];
  std::string report = "DIFFERENCE in " + c.operation.name + ", case " + std::to_string(number) + " of seed " + std::to_string(options.seed) +
                       "\n  case:     " + c.description + "\n  kernel:   " + d.isa + ", tile " + d.tile + (d.how.empty() ? "" : ", " + d.how);
  if (d.what.empty()) {
    std::snprintf(text, sizeof(text), "\n  value:    %zu of %zu\n  expected: 0x%08X (%a) by %s\n  found:    0x%08X (%a)", d.index, d.count,
                  static_cast<unsigned>(d.expected), static_cast<double>(oracle::FromBits(d.expected)), d.against.c_str(),
                  static_cast<unsigned>(d.found), static_cast<double>(oracle::FromBits(d.found)));
    report += text;
  } else {
    report += "\n  it " + d.what;
  }
  return report + "\n  again:    campaign --seed " + std::to_string(options.seed) + " --case " + std::to_string(number) + " --isa " + d.isa +
         (d.tile == "-" ? "" : " --tile " + d.tile) + "\n";
}

class Campaign {
 public:
  Campaign(const Options& options, std::vector<Operation> operations) : options_(options), operations_(std::move(operations)) {}

  // Runs cases until the comparisons are made or one differs. Returns the exit status.
  int Run() {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (size_t t = 1; t < options_.threads; ++t) threads.emplace_back([this] { Work(); });
    Work();
    for (std::thread& t : threads) t.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Print(seconds);
    return failed_ ? 1 : 0;
  }

 private:
  bool Chosen(const Operation& operation) const { return !operation.kernels.empty(); }

  void Work() {
    Memory memory;
    while (!done_.load(std::memory_order_relaxed)) {
      const uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
      const Operation& operation = operations_[number % operations_.size()];
      Outcome outcome;
      if (Chosen(operation)) {
        const Case c = RunCase(operation, options_.seed, number, memory);
        outcome = {c.with_oracle, c.between, c.difference ? Describe(options_, c, number) : "",
                   options_.digests ? c.agreed() : std::vector<float>()};
      }
      Hand(number, std::move(outcome));
    }
  }

  void Hand(uint64_t number, Outcome outcome) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.emplace(number, std::move(outcome));
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == counted_; first = waiting_.erase(first), ++counted_) {
      if (done_) continue;  // beyond the last: as if it had not been run
      Totals& totals = totals_[first->first % operations_.size()];
      totals.cases += Chosen(operations_[first->first % operations_.size()]);
      totals.with_oracle += first->second.with_oracle;
      totals.between += first->second.between;
      totals.results.UpdateFloats(first->second.results.data(), first->second.results.size());
      compared_ += first->second.with_oracle + first->second.between;
      if (!first->second.failure.empty()) {
        std::fputs(first->second.failure.c_str(), stdout);
        failed_ = true;
      }
      if (failed_ || (options_.cases == 0 ? compared_ >= options_.comparisons : counted_ + 1 >= options_.cases)) done_ = true;
    }
  }

  void Print(double seconds) const {
    uint64_t with_oracle = 0, between = 0, cases = 0;
    std::printf("%-24s %12s %16s %16s\n", "operation", "cases", "with the oracle", "between kernels");
    for (const auto& [index, t] : totals_) {
      if (t.cases == 0) continue;
      std::printf("%-24s %12llu %16llu %16llu\n", operations_[index].name.c_str(), Long(t.cases), Long(t.with_oracle), Long(t.between));
      with_oracle += t.with_oracle;
      between += t.between;
      cases += t.cases;
    }
    std::printf("[ COMPARED ] %llu values in %llu cases of seed %llu: %llu with the oracle, %llu between kernels; %s; %.1f s, %.2f million a second\n",
                Long(with_oracle + between), Long(cases), Long(options_.seed), Long(with_oracle), Long(between),
                failed_ ? "ONE DIFFERS" : "no difference", seconds, static_cast<double>(with_oracle + between) / seconds / 1e6);
  }

 public:
  void PrintDigests() {
    for (auto& [index, t] : totals_) {
      if (t.cases != 0) std::printf("digest %s %s\n", operations_[index].name.c_str(), Hex(t.results.Finish()).c_str());
    }
  }

 private:

  static unsigned long long Long(uint64_t x) { return x; }

  struct Totals {
    uint64_t cases = 0, with_oracle = 0, between = 0;
    Sha256 results;
  };

  const Options options_;
  const std::vector<Operation> operations_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::map<uint64_t, Outcome> waiting_;  // finished, but not all before them are
  uint64_t counted_ = 0, compared_ = 0;
  bool failed_ = false;
  std::map<size_t, Totals> totals_;
};

int Usage(const char* what) {
  std::fprintf(stderr, "campaign: %s\ncampaign [--seed S] [--comparisons N | --cases N] [--threads T] [--operation NAME] [--isa NAME] [--tile NAME] [--case I] [--digests yes]\n", what);
  return 2;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (i + 1 == argc) return Usage(("a value is missing after " + option).c_str());
    const std::string value = argv[++i];
    if (option == "--operation" || option == "--isa" || option == "--tile") {
      (option == "--operation" ? options.operation : option == "--isa" ? options.isa : options.tile) = value;
      continue;
    }
    if (option == "--digests") {
      if (value != "yes") return Usage("--digests takes yes");
      options.digests = true;
      continue;
    }
    char* end = nullptr;
    const uint64_t number = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || value[0] == '-' || *end != '\0') return Usage((option + " needs a number, not '" + value + "'").c_str());
    if (option == "--seed") {
      options.seed = number;
    } else if (option == "--comparisons") {
      options.comparisons = number;
    } else if (option == "--cases") {
      options.cases = number;
    } else if (option == "--threads") {
      options.threads = std::max<size_t>(1, number);
    } else if (option == "--case") {
      options.one = true;
      options.number = number;
    } else {
      return Usage(("there is no option " + option).c_str());
    }
  }
  if (options.digests && options.cases == 0) return Usage("--digests needs --cases: how many make so many comparisons depends on the kernels that run");
  if (options.comparisons == 0) {
    options.comparisons = testing::Scale() == 1 ? 200'000 : uint64_t{10'000'000} * static_cast<uint64_t>(testing::Scale());
  }

  std::vector<Operation> operations = Operations();
  std::map<std::string, size_t> isas;
  size_t chosen = 0;
  for (Operation& operation : operations) {
    std::erase_if(operation.kernels, [&](const invar_kernel* kernel) {
      return (!options.operation.empty() && operation.name != options.operation && options.operation != kernel->operation) ||
             (!options.isa.empty() && options.isa != kernel->isa) || (!options.tile.empty() && options.tile != kernel->tile);
    });
    for (const invar_kernel* kernel : operation.kernels) ++isas[kernel->isa];
    chosen += operation.kernels.size();
  }
  if (chosen == 0) return Usage("no kernel that runs here has that operation, instruction set and tile");
  std::printf("instruction sets:");
  for (const auto& [isa, kernels] : isas) std::printf(" %s (%zu kernels)", isa.c_str(), kernels);
  std::printf("\n");

  if (options.one) {
    const Operation& operation = operations[options.number % operations.size()];
    if (operation.kernels.empty()) return Usage("that case is of an operation that was not chosen");
    Memory memory;
    const Case c = RunCase(operation, options.seed, options.number, memory);
    std::printf("%s: %s\n%llu values compared\n%s", operation.name.c_str(), c.description.c_str(),
                static_cast<unsigned long long>(c.with_oracle + c.between), c.difference ? Describe(options, c, options.number).c_str() : "no difference\n");
    return c.difference ? 1 : 0;
  }
  Campaign campaign(options, operations);
  int status = campaign.Run();
  if (!options.digests) return status;
  campaign.PrintDigests();
  for (const Operation& operation : operations) {
    if (operation.kernels.empty() || !IsFunction(operation)) continue;
    const FunctionDigest d = DigestOfFunction(operation, options.seed);
    if (!d.failure.empty()) {
      std::printf("DIFFERENCE in %s\n", d.failure.c_str());
      status = 1;
    }
    std::printf("digest %s at hard arguments and others %s\n", operation.name.c_str(), d.sha256.c_str());
    std::printf("[ COMPARED ] %llu values of %s with the oracle, %llu between kernels\n", static_cast<unsigned long long>(d.with_oracle),
                operation.name.c_str(), static_cast<unsigned long long>(d.between));
  }
  return status;
}

}  // namespace
}  // namespace invar::adversarial

int main(int argc, char** argv) { return invar::adversarial::Main(argc, argv); }
