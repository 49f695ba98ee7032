// The proof that every function of docs/numerics.md, section 5, is correctly rounded: tries any part, or all, of the
// 2^32 arguments on any compiled instruction set.
//
//   prove_functions [--function NAME|all] [--target NAME|all] [--threads T]
//                   [--all | --first BITS --count N | --random N --seed S]
//
// Without a range it tries a million arguments at random. The exit status is 1 where any result was wrong.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "tests/functions/harness.h"

namespace {

using invar::functions_test::Function;
using invar::functions_test::Target;

// splitmix64 (Steele, Lea and Flood, 2014): the i-th number of a seed directly, so that threads may share the work.
uint64_t Random(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int Usage() {
  fprintf(stderr,
          "usage: prove_functions [--function NAME|all] [--target NAME|all] [--threads T]\n"
          "                       [--all | --first BITS --count N | --random N --seed S]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string function_name = "all", target_name = "all";
  uint64_t first = 0, count = 1000000, seed = 1;
  bool random = true;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--all") {
      random = false;
      first = 0;
      count = uint64_t{1} << 32;
      continue;
    }
    if (++i == argc) return Usage();
    const char* value = argv[i];
    const uint64_t number = strtoull(value, nullptr, 0);
    if (option == "--function") {
      function_name = value;
    } else if (option == "--target") {
      target_name = value;
    } else if (option == "--threads") {
      threads = static_cast<int>(number);
    } else if (option == "--first") {
      first = number;
      random = false;
    } else if (option == "--count") {
      count = number;
    } else if (option == "--random") {
      count = number;
      random = true;
    } else if (option == "--seed") {
      seed = number;
    } else {
      return Usage();
    }
  }
  std::vector<const Target*> targets;
  for (const Target& target : invar::functions_test::Targets()) {
    if (target_name != "all" && target_name != target.name) continue;
    if (target.supported) {
      targets.push_back(&target);
    } else {
      printf("%s: compiled, not run (this processor lacks it)\n", target.name);
    }
  }
  if (targets.empty()) {
    fprintf(stderr, "prove_functions: no such target here: %s\n", target_name.c_str());
    return 2;
  }
  bool known = false, wrong = false;
  for (int f = 0; f < invar::functions_test::kFunctions; ++f) {
    const Function function = static_cast<Function>(f);
    if (function_name != "all" && function_name != invar::functions_test::Name(function)) continue;
    known = true;
    const auto start = std::chrono::steady_clock::now();
    const auto outcomes = invar::functions_test::Compare(
        function, targets, count,
        [=](uint64_t i) { return static_cast<uint32_t>(random ? Random(seed, i) : first + i); }, threads);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const auto& outcome : outcomes) {
      printf("%s\n", invar::functions_test::Describe(function, outcome).c_str());
      wrong = wrong || outcome.wrong != 0;
    }
    printf("%-4s %.1f s\n", invar::functions_test::Name(function), seconds);
    fflush(stdout);
  }
  if (!known) {
    fprintf(stderr, "prove_functions: no such function: %s\n", function_name.c_str());
    return 2;
  }
  return wrong ? 1 : 0;
}
