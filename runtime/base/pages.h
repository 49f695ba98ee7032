// Great blocks of memory that are walked from end to end again and again, on huge pages where the system grants them: a
// walk of them then waits for page tables nowhere.
#pragma once

#include <cstddef>
#include <memory>

namespace invar {

struct FreePages {
  size_t mapped = 0;  // bytes of a mapping of its own; 0: of the heap
  void operator()(void* p) const;
};
using Pages = std::unique_ptr<void, FreePages>;

// `bytes` zero bytes, aligned to a cache line. On Linux many of them are a mapping of their own, no page of which is there
// before it is touched. huge: asks for huge pages, so that the first touch of any byte is one of two megabytes. Throws
// std::bad_alloc.
Pages AllocatePages(size_t bytes, bool huge);

}  // namespace invar
