#include "tests/adversarial/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace invar::adversarial {
namespace {

constexpr size_t kMargin = 192;  // bytes of guards on either side: three of the longest vectors

size_t Page() {
  static const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return page;
}

}  // namespace

Region::~Region() {
  if (base_ != nullptr) ::munmap(base_, capacity_ + Page());
}

char* Region::PlaceBytes(size_t bytes, size_t element, testing::Random& random) {
  const size_t needed = bytes + 3 * kMargin;
  if (needed > capacity_) {
    if (base_ != nullptr) ::munmap(base_, capacity_ + Page());
    capacity_ = (needed + needed / 2 + Page() - 1) / Page() * Page();
    void* mapped = ::mmap(nullptr, capacity_ + Page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
      base_ = nullptr;
      capacity_ = 0;
      throw std::bad_alloc();
    }
    base_ = static_cast<char*>(mapped);
    ::mprotect(base_ + capacity_, Page(), PROT_NONE);
  }
  char* const end = base_ + capacity_;
  char* at;
  if (random.Below(3) == 0) {
    at = end - bytes;  // the element after the last cannot be read
  } else {
    // From an edge of a cache line on, by any number of elements: 0 to 15 floats, or half floats.
    at = base_ + kMargin + random.Below(64 / element) * element;
  }
  from_ = at - kMargin;
  to_ = std::min(at + bytes + kMargin, end);
  // By whole words from an aligned address, so that elements of either size find the pattern's parts in their places.
  from_ -= reinterpret_cast<uintptr_t>(from_) % sizeof(uint32_t);
  to_ -= static_cast<size_t>(to_ - from_) % sizeof(uint32_t);
  uint32_t* word = reinterpret_cast<uint32_t*>(from_);
  std::fill(word, reinterpret_cast<uint32_t*>(to_), kGuard);
  return at;
}

void Region::Take(float* at, size_t n, float* to) {
  if (n == 0) return;
  std::memcpy(to, at, n * sizeof(float));
  std::fill_n(reinterpret_cast<uint32_t*>(at), n, kGuard);
}

bool Region::OnlyGuards() const {
  return std::all_of(reinterpret_cast<const uint32_t*>(from_), reinterpret_cast<const uint32_t*>(to_),
                     [](uint32_t word) { return word == kGuard; });
}

}  // namespace invar::adversarial
