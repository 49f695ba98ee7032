// Operands and results in one buffer. Where a source shares memory with a destination, threads would read what others have
// written, and bits would depend on them: refused, rather than computed differently each time.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/kernels/operations.h"

namespace invar {

// Both throw Error where a float of `rows` rows of the source is one of the result's. Rows of one stride may lie side by side.
void RequireApart(const char* operation, const Rows& source, size_t source_width, const Rows& y, size_t width, size_t rows);
// The same, but a source may be the destination itself.
void RequireSameOrApart(const char* operation, const Rows& source, const Rows& y, size_t width, size_t rows);

}  // namespace invar
