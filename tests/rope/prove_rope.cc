// Rope of published models at every position up to 1,048,575 (docs/functions.md).
//
//   prove_rope [--threads T]
//
// The exit status is 1 where anything was wrong.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>

#include "runtime/kernels/selection.h"
#include "tests/rope/sweep.h"
#include "tests/support/whole_number.h"

int main(int argc, char** argv) {
  using namespace invar::rope_test;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::optional<std::string> wrong;
  if (argc == 3 && std::string(argv[1]) == "--threads") {
    wrong = invar::testing::ParseWhole("--threads", argv[2], 1, 4096, &threads);
  } else if (argc != 1) {
    wrong = "the only arguments are --threads T";
  }
  if (wrong) {
    std::fprintf(stderr, "prove_rope: %s\n", wrong->c_str());
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto published = PublishedParameters();
  const Frequencies frequencies = CheckFrequencies(published);
  std::printf("rope frequencies of %zu configurations: %zu compared, %zu wrong\n", published.size(), frequencies.compared,
              frequencies.wrong.size());
  for (const std::string& wrong : frequencies.wrong) std::printf("  %s\n", wrong.c_str());
  const Tables tables = CheckTables(
      "", frequencies.groups, size_t{1} << 20, [](size_t i) { return static_cast<uint32_t>(i); }, threads);
  std::printf("rope tables, %s: %zu distinct frequencies at 1048576 positions, %llu angles compared, %llu wrong, %llu cosines "
              "and sines asked MPFR\n",
              invar::Kernels::Of("").isa().c_str(), frequencies.distinct(), static_cast<unsigned long long>(tables.compared),
              static_cast<unsigned long long>(tables.wrong), static_cast<unsigned long long>(tables.asked_mpfr));
  if (tables.wrong != 0) std::printf("  %s\n", tables.first_wrong.c_str());
  std::printf("rope %.1f s with %d thread%s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), threads,
              threads == 1 ? "" : "s");
  return tables.wrong != 0 || !frequencies.wrong.empty() ? 1 : 0;
}
