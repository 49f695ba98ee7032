// A checksum of bytes, as fast as memory: it tells damage, not forgery.
#pragma once

#include <cstddef>
#include <cstdint>

namespace invar {

// Two sums of the words of eight bytes, one of them weighted by place, in eight lanes: any one word that changes, and any
// two that change places within a lane, change it. Of this machine's byte order.
uint64_t Checksum(const void* data, size_t bytes);

}  // namespace invar
