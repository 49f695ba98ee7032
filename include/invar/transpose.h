// Rows to columns: dst[k][row] = x[row][k], the packed left-hand side of a matmul's tile. Moves elements, never computes
// with them: their type is an integer of the storage's width, so that not even a NaN's bits can change on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace invar {

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define INVAR_VECTOR_SHUFFLES 1
#endif
#endif

#ifdef INVAR_VECTOR_SHUFFLES
typedef uint32_t FourWords __attribute__((vector_size(16)));

// Four rows by four columns of a type of four bytes, rows `stride` apart and columns of dst `rows`. Compilers have an
// instruction for each of these shuffles on every processor with vectors.
template <class Word>
static inline void TransposeFour(const Word* x, ptrdiff_t stride, size_t rows, Word* dst) {
  static_assert(sizeof(Word) == 4);
  FourWords a, b, c, d;
  memcpy(&a, x, sizeof(a));
  memcpy(&b, x + stride, sizeof(b));
  memcpy(&c, x + 2 * stride, sizeof(c));
  memcpy(&d, x + 3 * stride, sizeof(d));
  const FourWords ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const FourWords cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  memcpy(dst, &a, sizeof(a));
  memcpy(dst + rows, &b, sizeof(b));
  memcpy(dst + 2 * rows, &c, sizeof(c));
  memcpy(dst + 3 * rows, &d, sizeof(d));
}
#endif

// x: [rows][k], rows `stride` apart. dst: [k][rows], apart from x.
static inline void TransposeRows(size_t rows, size_t k, const float* x, ptrdiff_t stride, float* dst) {
  size_t done = 0;  // columns
#ifdef INVAR_VECTOR_SHUFFLES
  if (rows >= 4) {
    // A line of cache of each row at a time: rows a power of two apart fall into the same set of the cache, and would be
    // gone when their next columns are wanted.
    constexpr size_t kLine = 16, kAhead = 8 * kLine;
    for (size_t end; done + 4 <= k; done = end) {
      end = done + (k - done < kLine ? (k - done) / 4 * 4 : kLine);
      for (size_t r = 0; r < rows; r += 4) {
        // The last rows again together with some before them: the same values to the same places.
        const size_t first = r + 4 <= rows ? r : rows - 4;
        for (size_t i = 0; i < 4; ++i) {  // it may lie beyond x: a number, where a pointer would be undefined
          const float* const row = x + static_cast<ptrdiff_t>(first + i) * stride + done;
          __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(row) + kAhead * sizeof(float)));
        }
        for (size_t column = done; column < end; column += 4) {
          TransposeFour(x + static_cast<ptrdiff_t>(first) * stride + column, stride, rows, dst + column * rows + first);
        }
      }
    }
  }
#endif
  for (; done < k; ++done) {
    for (size_t r = 0; r < rows; ++r) memcpy(dst + done * rows + r, x + static_cast<ptrdiff_t>(r) * stride + done, sizeof(float));
  }
}

}  // namespace invar
