#include "runtime/model/kv_cache.h"

#include "runtime/base/memory.h"

namespace invar {
namespace {

size_t KeyFloats(size_t kv_heads, size_t d) { return kv_heads * INVAR_LEAF * d; }

size_t ValueFloats(size_t kv_heads, size_t d) {
  return kv_heads * INVAR_LEAF * ((d + INVAR_PANEL - 1) / INVAR_PANEL * INVAR_PANEL);
}

}  // namespace

KvCache::KvCache(size_t layers, size_t kv_heads, size_t d) : kv_heads_(kv_heads), d_(d), blocks_(layers) {}

KvCache::~KvCache() = default;

uint64_t KvCache::MissingBytes(size_t length) const {
  const uint64_t leaves = (length + INVAR_LEAF - 1) / INVAR_LEAF;
  const uint64_t block = sizeof(float) * (KeyFloats(kv_heads_, d_) + ValueFloats(kv_heads_, d_));
  uint64_t missing = 0;
  for (const std::vector<KvBlock>& layer : blocks_) missing += leaves > layer.size() ? leaves - layer.size() : 0;
  return SaturatingMultiply(missing, block);
}

void KvCache::Reserve(size_t length) {
  const size_t leaves = (length + INVAR_LEAF - 1) / INVAR_LEAF;
  const size_t keys = KeyFloats(kv_heads_, d_), values = ValueFloats(kv_heads_, d_);
  for (std::vector<KvBlock>& layer : blocks_) {
    while (layer.size() < leaves) {
      // Kernels read whole panels of positions: what lies beyond the last is zero. A short text touches a small part of
      // its first leaf, and pays for no more; with the second, decoding begins to wait for page tables.
      Pages block = AllocatePages((keys + values) * sizeof(float), !layer.empty());
      float* const at = static_cast<float*>(block.get());
      layer.push_back({at, at + keys});
      allocations_.push_back(std::move(block));
    }
  }
}

size_t KvCache::bytes() const {
  return allocations_.size() * (KeyFloats(kv_heads_, d_) + ValueFloats(kv_heads_, d_)) * sizeof(float);
}

}  // namespace invar
