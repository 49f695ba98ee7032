// How much memory may still be taken: asked before much of it is, for a process that takes too much is ended without a
// word.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace invar {

struct AvailableMemory {
  uint64_t bytes;     // UINT64_MAX where nothing is known
  std::string limit;  // what sets the limit: "the machine", "the cgroup's limit", ...
};

// The least of: what the machine can give without swapping, what each cgroup around this process has left, and what its
// own limits (RLIMIT_AS, RLIMIT_DATA) leave. `root` is where /proc and /sys are looked for.
AvailableMemory MemoryAvailable(const std::filesystem::path& root = "/");

// Throws Error where `bytes` more are not to be had, with both numbers. `what` begins the sentence: "the model's weights
// need". `advice` says how to need less.
void RequireMemory(uint64_t bytes, const std::string& what, const std::string& advice);

// Below this nobody asks: it is less than what the answer may be wrong by.
inline constexpr uint64_t kLittleMemory = uint64_t{32} << 20;

// Sums and products that stay at the greatest number instead of wrapping round.
constexpr uint64_t SaturatingAdd(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
constexpr uint64_t SaturatingMultiply(uint64_t a, uint64_t b) {
  return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

}  // namespace invar
