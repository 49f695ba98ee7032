#include "runtime/model/arena.h"

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/base/memory.h"

namespace invar {
namespace {

constexpr uint64_t kCacheLine = 64, kPage = 4096;
constexpr uint64_t kMany = 16 * kPage;  // bytes of a block that begins with a page
constexpr size_t kHuge = size_t{1} << 20;

uint64_t RoundUp(uint64_t bytes, uint64_t unit) {
  return bytes > UINT64_MAX - unit ? UINT64_MAX : (bytes + unit - 1) / unit * unit;
}

}  // namespace

uint64_t Arena::Begin(uint64_t used, uint64_t bytes) { return RoundUp(used, bytes >= kMany ? kPage : kCacheLine); }

uint64_t Arena::Rounded(uint64_t bytes) { return RoundUp(std::max<uint64_t>(bytes, 1), kCacheLine); }

void Arena::Reserve(size_t bytes) {
  Pages block = AllocatePages(bytes, bytes >= kHuge);
  Use(block.get(), bytes);
  owned_.push_back(std::move(block));
}

void Arena::Lend(MappedFile file) {
  mapped_ = std::move(file);
  Use(mapped_.data(), mapped_.size());
}

void Arena::Use(const void* block, size_t bytes) {
  before_ += used_;
  block_ = static_cast<char*>(const_cast<void*>(block));
  size_ = bytes;
  used_ = 0;
}

void* Arena::Allocate(size_t bytes) {
  uint64_t begin = Begin(used_, bytes);
  const uint64_t end = SaturatingAdd(begin, Rounded(bytes));
  if (end > SIZE_MAX) throw std::bad_alloc();
  if (end > size_) {
    Reserve(static_cast<size_t>(Rounded(bytes)));
    begin = 0;
  }
  used_ = static_cast<size_t>(begin + Rounded(bytes));
  return block_ + begin;
}

}  // namespace invar
