#include "runtime/base/checksum.h"

#include <cstring>

namespace invar {
namespace {

constexpr size_t kLanes = 8, kStep = kLanes * sizeof(uint64_t);
// How far ahead of the sum memory is asked, beyond the end too. Asked only when it is wanted, it gives little more than half as much.
constexpr uintptr_t kAhead = 8192;

uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

}  // namespace

uint64_t Checksum(const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  uint64_t sums[kLanes] = {}, weighted[kLanes] = {}, words[kLanes];
  const auto add = [&] {  // a constant number, which compilers make vectors of
    for (size_t i = 0; i < kLanes; ++i) sums[i] += words[i];
    for (size_t i = 0; i < kLanes; ++i) weighted[i] += sums[i];
  };
  size_t left = bytes;
  for (; left >= kStep; left -= kStep, at += kStep) {
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(at) + kAhead));
    std::memcpy(words, at, kStep);
    add();
  }
  if (left > 0) {
    std::memset(words, 0, kStep);
    std::memcpy(words, at, left);
    add();
  }
  uint64_t hash = Mix(0, bytes);
  for (size_t i = 0; i < kLanes; ++i) hash = Mix(Mix(hash, sums[i]), weighted[i]);
  return hash;
}

}  // namespace invar
