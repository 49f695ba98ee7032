// Runs a fuzz target over the files of folders: what once made it fail must not do so again.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::fprintf(stderr, "%s\n", entry.path().string().c_str());  // the last one, where it crashes
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      // Of its own size, so that a sanitizer sees a read beyond the end.
      const std::vector<uint8_t> input(bytes.begin(), bytes.end());
      const auto start = std::chrono::steady_clock::now();
      LLVMFuzzerTestOneInput(input.data(), input.size());
      if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) {
        std::fprintf(stderr, "it took more than ten seconds\n");
        return 1;
      }
      ++count;
    }
  }
  std::printf("%zu inputs\n", count);
  return count == 0 ? 1 : 0;
}
