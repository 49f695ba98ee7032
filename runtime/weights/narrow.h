// Conversion between the storage types of weights (docs/numerics.md, section 4): widening is exact, narrowing rounds to
// nearest even. By integer arithmetic, whatever the floating-point mode. A NaN becomes the type's plain one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace invar {

uint32_t WidenBf16(uint16_t value);  // to the bits of a binary32
uint32_t WidenF16(uint16_t value);
uint16_t NarrowBf16(uint32_t bits);
uint16_t NarrowF16(uint32_t bits);

}  // namespace invar
