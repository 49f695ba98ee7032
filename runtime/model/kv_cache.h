// The keys and values of one sequence, laid out for the attention kernels (contract, section 3, "KV cache": binary32).
//
// Memory comes in blocks of one leaf of 256 positions a layer, when the sequence first reaches them: a page's worth is
// touched only when written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/pages.h"
#include "runtime/kernels/operations.h"

namespace invar {

class KvCache {
 public:
  KvCache(size_t layers, size_t kv_heads, size_t d);
  ~KvCache();
  KvCache(KvCache&&) noexcept = default;
  KvCache& operator=(KvCache&&) noexcept = default;

  // Positions held.
  size_t length() const { return length_; }

  // Bytes that Reserve would allocate.
  uint64_t MissingBytes(size_t length) const;
  // Makes room for `length` positions. Throws std::bad_alloc, and then what is held is as it was.
  void Reserve(size_t length);
  // The positions [0, length) are written; length may also shrink, which forgets what follows.
  void SetLength(size_t length) { length_ = length; }

  // Blocks of a layer, by position / 256.
  const KvBlock* layer(size_t layer) const { return blocks_[layer].data(); }

  // Bytes allocated.
  size_t bytes() const;

 private:
  size_t kv_heads_, d_;
  size_t length_ = 0;
  std::vector<std::vector<KvBlock>> blocks_;  // [layer][leaf]
  std::vector<Pages> allocations_;                  // one for each leaf of each layer
};

}  // namespace invar
