// The proof that every function of docs/numerics.md, section 5, is correctly rounded: all of the 2^32 arguments, or any
// part of them, against the reference. docs/functions.md says what it proves and what it found.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "tests/functions/hard_arguments.h"
#include "tests/functions/harness.h"

namespace invar::functions_test {
namespace {

constexpr char kHelp[] =
    "prove_functions [--function NAME|all] [--target NAME|all|methods] [--threads T]\n"
    "                [--all | --first BITS --count N | --random N --seed S]\n"
    "prove_functions --list-hard > tests/functions/hardest_arguments.h\n"
    "\n"
    "Without a range, or with --all: all 2^32 arguments. A target is an instruction set; 'methods', the default, are the\n"
    "best one of each method of evaluation (table, fused, unfused), and the others try what is hard to round. The exit\n"
    "status is 1 where any result was wrong.\n";

struct Options {
  std::string function = "all", target = "methods";
  uint64_t first = 0, count = uint64_t{1} << 32, seed = 1;
  bool random = false;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
};

// splitmix64 (Steele, Lea and Flood, 2014): the i-th number of a seed directly, so that threads may share the work.
uint64_t Random(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

bool Parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--all") {
      o.random = false;
      o.first = 0;
      o.count = uint64_t{1} << 32;
      continue;
    }
    if (++i == argc) return false;
    const char* value = argv[i];
    const uint64_t number = strtoull(value, nullptr, 0);
    if (option == "--function") {
      o.function = value;
    } else if (option == "--target") {
      o.target = value;
    } else if (option == "--threads") {
      o.threads = static_cast<int>(number);
    } else if (option == "--first") {
      o.first = number;
      o.random = false;
    } else if (option == "--count") {
      o.count = number;
    } else if (option == "--random") {
      o.count = number;
      o.random = true;
    } else if (option == "--seed") {
      o.seed = number;
    } else {
      return false;
    }
  }
  return o.threads >= 1;
}

// The targets that try every argument, and those that try the hard ones.
struct Split {
  std::vector<const Target*> all, hard;
};

Split Choose(const std::string& wanted, Function function) {
  Split split;
  for (const Target& target : Targets()) {
    if (!target.supported) continue;
    if (wanted == "methods") {
      bool known = false;
      for (const Target* better : split.all) {
        known = known || strcmp(MethodOf(*better, function), MethodOf(target, function)) == 0;
      }
      (known ? split.hard : split.all).push_back(&target);
    } else if (wanted == "all" || wanted == target.name) {
      split.all.push_back(&target);
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
  if (!Parse(argc, argv, o)) {
    fputs(kHelp, stderr);
    return 2;
  }
  for (const Target& target : Targets()) {
    if (!target.supported) printf("%s: compiled, not run (this processor lacks it)\n", target.name);
  }
  const std::vector<uint32_t> named = EveryHardArgument();
  bool known = false, wrong = false;
  for (int f = 0; f < kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    if (o.function != "all" && o.function != Name(function)) continue;
    known = true;
    const Split split = Choose(o.target, function);
    if (split.all.empty()) {
      fprintf(stderr, "prove_functions: no such target here: %s\n", o.target.c_str());
      return 2;
    }
    const auto start = std::chrono::steady_clock::now();
    const auto argument = [&](uint64_t i) { return static_cast<uint32_t>(o.random ? Random(o.seed, i) : o.first + i); };
    wrong |= Print(function, o.count == uint64_t{1} << 32 ? "all " : "some", Compare(function, split.all, o.count, argument, o.threads));
    wrong |= Print(function, "hard",
                   Compare(function, split.hard, named.size(), [&](uint64_t i) { return named[i]; }, o.threads));
    printf("%-4s %.1f s with %d thread%s\n", Name(function),
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), o.threads,
           o.threads == 1 ? "" : "s");
    fflush(stdout);
  }
  if (!known) {
    fprintf(stderr, "prove_functions: no such function: %s\n", o.function.c_str());
    return 2;
  }
  return wrong ? 1 : 0;
}

}  // namespace
}  // namespace invar::functions_test

int main(int argc, char** argv) { return invar::functions_test::Main(argc, argv); }
