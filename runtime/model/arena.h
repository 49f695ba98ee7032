// Memory that a model owns: one block for all its weights, on huge pages where the system grants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/base/pages.h"

namespace invar {

class Arena {
 public:
  // Where a block of `bytes` that follows `used` bytes begins, and how many bytes it takes: a multiple of a cache line, a
  // page's where it has many. UINT64_MAX where that is beyond 64 bits.
  static uint64_t Begin(uint64_t used, uint64_t bytes);
  static uint64_t Rounded(uint64_t bytes);

  // What Allocate gives from then on lies in one block of `bytes` zero bytes, until it is full. Throws std::bad_alloc.
  void Reserve(size_t bytes);
  // The same in a file, whose bytes are there already and stay as they are.
  void Lend(MappedFile file);

  // At a multiple of a cache line; zero, unless it is lent. Throws std::bad_alloc.
  void* Allocate(size_t bytes);
  // From the first byte of the first block to the last of the last.
  size_t bytes() const { return before_ + used_; }
  // The block that Reserve made or Lend was given; null where there is neither.
  const void* block() const { return block_; }

 private:
  void Use(const void* block, size_t bytes);

  std::vector<Pages> owned_;
  MappedFile mapped_;
  char* block_ = nullptr;
  size_t size_ = 0, used_ = 0;  // of the block
  size_t before_ = 0;           // bytes of earlier blocks
};

}  // namespace invar
