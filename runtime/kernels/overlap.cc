#include "runtime/kernels/overlap.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace invar {
namespace {

// Whether two blocks of rows share a float. Rows of one stride may lie side by side in one buffer.
bool Overlap(const Rows& a, size_t a_width, const Rows& b, size_t b_width, size_t rows) {
  if (rows == 0 || a_width == 0 || b_width == 0 || a.data == nullptr || b.data == nullptr) return false;
  const auto address = [](const float* p) { return reinterpret_cast<uintptr_t>(p); };
  // The last row lies before the first where the stride is negative.
  const uintptr_t a_begin = std::min(address(a.data), address(a.row(rows - 1)));
  const uintptr_t a_end = std::max(address(a.data), address(a.row(rows - 1))) + a_width * sizeof(float);
  const uintptr_t b_begin = std::min(address(b.data), address(b.row(rows - 1)));
  const uintptr_t b_end = std::max(address(b.data), address(b.row(rows - 1))) + b_width * sizeof(float);
  if (a_end <= b_begin || b_end <= a_begin) return false;
  if (rows == 1 || a.stride != b.stride || a.stride <= 0) return true;
  const uintptr_t stride = static_cast<uintptr_t>(a.stride) * sizeof(float);
  const uintptr_t apart = b_begin >= a_begin ? (b_begin - a_begin) % stride : (stride - (a_begin - b_begin) % stride) % stride;
  return apart < a_width * sizeof(float) || apart + b_width * sizeof(float) > stride;
}

bool Same(const Rows& a, const Rows& b, size_t rows) { return a.data == b.data && (rows <= 1 || a.stride == b.stride); }

}  // namespace

void RequireApart(const char* operation, const Rows& source, size_t source_width, const Rows& y, size_t width, size_t rows) {
  if (Overlap(source, source_width, y, width, rows)) {
    throw Error(std::string(operation) + ": the result would overwrite an operand while it is read; give it memory of its own");
  }
}

void RequireSameOrApart(const char* operation, const Rows& source, const Rows& y, size_t width, size_t rows) {
  if (!Same(source, y, rows)) RequireApart(operation, source, width, y, width, rows);
}

}  // namespace invar
