// What a checksum must tell: any bit, any word in another place, any length.
#include "runtime/base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <vector>

namespace invar::testing {
namespace {

std::vector<unsigned char> Bytes(size_t count) {
  std::vector<unsigned char> bytes(count);
  uint64_t state = count + 1;
  for (unsigned char& b : bytes) b = static_cast<unsigned char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
  return bytes;
}

TEST(Checksum, EveryBitCounts) {
  size_t flipped = 0;
  for (const size_t size : {1, 7, 8, 9, 63, 64, 65, 128, 1000}) {
    std::vector<unsigned char> bytes = Bytes(size);
    const uint64_t whole = Checksum(bytes.data(), size);
    for (size_t bit = 0; bit < 8 * size; ++bit, ++flipped) {
      bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1u << bit % 8));
      ASSERT_NE(Checksum(bytes.data(), size), whole) << "bit " << bit << " of " << size << " bytes";
      bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1u << bit % 8));
    }
    ASSERT_EQ(Checksum(bytes.data(), size), whole);
  }
  std::printf("%zu flipped bits told\n", flipped);
}

TEST(Checksum, PlacesAndLengthsCount) {
  std::vector<unsigned char> bytes = Bytes(4096);
  const uint64_t whole = Checksum(bytes.data(), bytes.size());
  size_t moved = 0;
  for (size_t a = 0; a < 512; ++a) {
    for (size_t b = a + 1; b < 512; b += 37, ++moved) {
      std::vector<unsigned char> other = bytes;
      std::swap_ranges(other.begin() + static_cast<ptrdiff_t>(8 * a), other.begin() + static_cast<ptrdiff_t>(8 * a + 8),
                       other.begin() + static_cast<ptrdiff_t>(8 * b));
      ASSERT_NE(Checksum(other.data(), other.size()), whole) << "words " << a << " and " << b;
    }
  }
  // Zeros of any length, the last of another's.
  const std::vector<unsigned char> zeros(300);
  std::set<uint64_t> sums;
  for (size_t size = 0; size <= zeros.size(); ++size) sums.insert(Checksum(zeros.data(), size));
  EXPECT_EQ(sums.size(), zeros.size() + 1);
  std::printf("%zu words in another's place told, %zu lengths\n", moved, sums.size());
}

}  // namespace
}  // namespace invar::testing
