// Memory in which a kernel's arguments lie: at any misalignment, or ending where readable memory ends, with a NaN in every
// place that the kernel has no business with. So what is read too far ends the program or becomes a NaN in the results,
// and what is written too far shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/values.h"

namespace invar::adversarial {

// A signalling NaN; of its halves, one is a NaN of bf16 and f16.
inline constexpr uint32_t kGuard = 0xFFA5A5A5u;

// One piece of memory, to be used again and again.
class Region {
 public:
  Region() = default;
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // Room for n elements of T, all of it and what surrounds it filled with guards.
  template <class T>
  T* Place(size_t n, testing::Random& random) {
    return reinterpret_cast<T*>(PlaceBytes(n * sizeof(T), sizeof(T), random));
  }

  // Copies n floats out and puts guards in their place.
  void Take(float* at, size_t n, float* to);

  // Whether guards are all that is left since Place.
  bool OnlyGuards() const;

 private:
  char* PlaceBytes(size_t bytes, size_t element, testing::Random& random);

  char* base_ = nullptr;  // mapped: capacity_ bytes, then a page that cannot be touched
  size_t capacity_ = 0;
  char* from_ = nullptr;  // guards begin and end, as filled by the last Place
  char* to_ = nullptr;
};

// Regions of one thread, by what they are for.
struct Memory {
  Region x, w, z, bias, residual, y, gain, other, keys, values, workspace, left_m, left_l, left_o, right_m, right_l, right_o;
};

}  // namespace invar::adversarial
