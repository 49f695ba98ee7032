#include "runtime/base/pages.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace invar {
namespace {

constexpr size_t kLine = 64;

size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

#if defined(__linux__)
constexpr size_t kLeastMapping = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;

// A mapping that begins at a multiple of `alignment`, itself one of the page's size: what is before and after is given back.
Pages Map(size_t bytes, size_t alignment) {
  const size_t size = RoundUp(bytes, alignment);
  if (size < bytes || size + alignment < size) throw std::bad_alloc();
  void* mapping = mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapping);
  const uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  const size_t before = RoundUp(address, alignment) - address;
  if (before != 0) munmap(begin, before);
  munmap(begin + before + size, alignment - before);
  return Pages(begin + before, FreePages{size});
}
#endif

}  // namespace

void FreePages::operator()(void* p) const {
#if defined(__linux__)
  if (mapped != 0) {
    munmap(p, mapped);
    return;
  }
#endif
  std::free(p);
}

Pages AllocatePages(size_t bytes, bool huge) {
#if defined(__linux__)
  if (bytes >= kLeastMapping) {
    // Half a huge page is not worth one.
    Pages block = Map(bytes, huge && bytes > kHugePage / 2 ? kHugePage : kLeastMapping);
#if defined(MADV_HUGEPAGE)
    if (huge) madvise(block.get(), block.get_deleter().mapped, MADV_HUGEPAGE);  // refused: ordinary pages do
#endif
    return block;
  }
#else
  (void)huge;
#endif
  const size_t size = RoundUp(bytes == 0 ? 1 : bytes, kLine);
  void* block = size < bytes ? nullptr : std::aligned_alloc(kLine, size);
  if (block == nullptr) throw std::bad_alloc();
  std::memset(block, 0, size);
  return Pages(block, FreePages{0});
}

}  // namespace invar
