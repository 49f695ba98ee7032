// std::bit_cast, which the standard library of emscripten's older releases lacks.
#pragma once

#include <cstring>
#include <type_traits>

namespace invar {

template <class To, class From>
To BitCast(const From& from) {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

}  // namespace invar
