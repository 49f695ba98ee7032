// The proof that every function of docs/numerics.md, section 5, is correctly rounded: all of the 2^32 arguments, or any
// part of them, against the reference. docs/functions.md says what it proves and what it found.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "tests/functions/hard_arguments.h"
#include "tests/functions/harness.h"
#include "tests/support/whole_number.h"

namespace invar::functions_test {
namespace {

constexpr char kHelp[] =
    "prove_functions [--function NAME|all] [--target NAME|all|methods] [--threads T]\n"
    "                [--all | --first BITS --count N | --random N --seed S]\n"
    "prove_functions --list-hard > tests/functions/hardest_arguments.h\n"
    "\n"
    "Without a range, or with --all: all 2^32 arguments. A target is an instruction set; 'methods', the default, are the\n"
    "best one of each method of evaluation (pairs of floats by a table of 16 or 8, fused, unfused), and the others try\n"
    "what is hard to round. The exit status is 1 where any result was wrong.\n";

constexpr uint64_t kAll = uint64_t{1} << 32;

struct Options {
  std::string function = "all", target = "methods";
  uint64_t first = 0, count = kAll, seed = 1;
  bool random = false;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  bool all() const { return !random && count == kAll; }
};

// splitmix64 (Steele, Lea and Flood, 2014): the i-th number of a seed directly, so that threads may share the work.
uint64_t Random(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// A proof of fewer arguments than were asked for, or of none, would pass: what is not a number in its range is refused.
// What is wrong with the arguments, in a sentence.
std::optional<std::string> Parse(int argc, char** argv, Options& o) {
  std::optional<uint64_t> first, count;
  const auto number = [](const std::string& option, const std::string& value, uint64_t least, uint64_t most, auto& target) {
    return testing::ParseWhole(option, value, least, most, &target);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    std::optional<std::string> wrong;
    if (option == "--all") {
      o.random = false;
      first = count = std::nullopt;
      continue;
    }
    const bool known = option == "--function" || option == "--target" || option == "--threads" || option == "--first" ||
                       option == "--count" || option == "--random" || option == "--seed";
    if (!known) return "there is no option " + option + "; see --help";
    if (++i == argc) return "a value is missing after " + option;
    const std::string value = argv[i];
    if (option == "--function") {
      o.function = value;
    } else if (option == "--target") {
      o.target = value;
    } else if (option == "--threads") {
      wrong = number(option, value, 1, 4096, o.threads);
    } else if (option == "--first") {
      wrong = number(option, value, 0, kAll - 1, first.emplace());
      o.random = false;
    } else if (option == "--seed") {
      wrong = number(option, value, 0, UINT64_MAX, o.seed);
    } else {
      wrong = number(option, value, 1, option == "--count" ? kAll : UINT64_MAX, count.emplace());
      o.random = option == "--random";
    }
    if (wrong) return wrong;
  }
  if (o.random && first) return "--first and --random exclude each other; give one of them";
  o.first = first.value_or(0);
  o.count = count.value_or(kAll - o.first);
  if (!o.random && o.count > kAll - o.first) return "--first and --count reach beyond the last of the 2^32 arguments";
  return std::nullopt;
}

// The targets that try every argument, and those that try the hard ones.
struct Split {
  std::vector<const Target*> all, hard;
};

Split Choose(const std::string& wanted, Function function) {
  Split split;
  for (const Target* target : Supported(function)) {
    if (wanted == "methods") {
      bool known = false;
      for (const Target* better : split.all) {
        known = known || strcmp(MethodOf(*better, function), MethodOf(*target, function)) == 0;
      }
      (known ? split.hard : split.all).push_back(target);
    } else if (wanted == "all" || wanted == target->name) {
      split.all.push_back(target);
    }
  }
  return split;
}

bool Print(Function function, const char* what, const std::vector<Outcome>& outcomes) {
  bool wrong = false;
  for (const Outcome& outcome : outcomes) {
    printf("%s %s\n", what, Describe(function, outcome).c_str());
    wrong = wrong || outcome.wrong != 0;
  }
  return wrong;
}

// Writes tests/functions/hardest_arguments.h. The functions of odd and even symmetry by their positive arguments.
int ListHard() {
  printf("// The arguments, as bits, whose exact results lie nearest to the middle between two binary32 values\n"
         "// (IsHardToRound), of all 2^32; of tanh, sin and cos those of one sign. Written by prove_functions --list-hard.\n"
         "#pragma once\n\n#include <cstdint>\n\nnamespace invar::functions_test {\n");
  for (int f = 0; f < kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    const bool symmetric = function == Function::kTanh || function == Function::kSin || function == Function::kCos;
    printf("\ninline constexpr uint32_t kHardestOf_%s[] = {", Name(function));
    size_t count = 0;
    for (uint64_t bits = 0; bits < uint64_t{1} << (symmetric ? 31 : 32); ++bits) {
      if (!IsHardToRound(function, static_cast<uint32_t>(bits))) continue;
      printf("%s0x%08X,", count++ % 9 == 0 ? "\n    " : " ", static_cast<uint32_t>(bits));
    }
    printf("\n};\n");
  }
  printf("\n}  // namespace invar::functions_test\n");
  return 0;
}

int Main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list-hard") == 0) return ListHard();
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    fputs(kHelp, stdout);
    return 0;
  }
  Options o;
  if (const std::optional<std::string> wrong = Parse(argc, argv, o)) {
    fprintf(stderr, "prove_functions: %s\n", wrong->c_str());
    return 2;
  }
  bool known = o.function == "all", here = o.target == "methods" || o.target == "all";
  for (int f = 0; f < kFunctions; ++f) known = known || o.function == Name(static_cast<Function>(f));
  for (const Target& target : Targets()) here = here || (target.supported && o.target == target.name);
  if (!known || !here) {
    fprintf(stderr, "prove_functions: no such %s: %s\n", known ? "target here" : "function", (known ? o.target : o.function).c_str());
    return 2;
  }
  for (int f = 0; f < kFunctions; ++f) {  // a part of a target's functions, and nothing else was asked for
    if (o.function == Name(static_cast<Function>(f)) && Choose(o.target, static_cast<Function>(f)).all.empty()) {
      fprintf(stderr, "prove_functions: the target %s has no %s of its own\n", o.target.c_str(), o.function.c_str());
      return 2;
    }
  }
  for (const Target& target : Targets()) {
    if (!target.supported) printf("%s: compiled, not run (this processor lacks it)\n", target.name);
  }
  const std::vector<uint32_t> named = EveryHardArgument();
  bool wrong = false;
  for (int f = 0; f < kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    if (o.function != "all" && o.function != Name(function)) continue;
    const Split split = Choose(o.target, function);
    const auto start = std::chrono::steady_clock::now();
    const auto argument = [&](uint64_t i) { return static_cast<uint32_t>(o.random ? Random(o.seed, i) : o.first + i); };
    wrong |= Print(function, o.all() ? "all " : "some", Compare(function, split.all, o.count, argument, o.threads));
    wrong |= Print(function, "hard",
                   Compare(function, split.hard, named.size(), [&](uint64_t i) { return named[i]; }, o.threads));
    printf("%-4s %.1f s with %d thread%s\n", Name(function),
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), o.threads,
           o.threads == 1 ? "" : "s");
    fflush(stdout);
  }
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace invar::functions_test

int main(int argc, char** argv) { return invar::functions_test::Main(argc, argv); }
