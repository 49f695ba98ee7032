// Panels of weights against their definition: element (i, j) of w[n][k] at [i / 16][j][i % 16], outputs beyond n zero.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "invar/kernels.h"

namespace invar::testing {
namespace {

size_t compared = 0;

template <class Element>
void ExpectPanels(invar_type type, uint64_t n, uint64_t k, int64_t row_stride, int64_t column_stride, size_t misplaced) {
  const auto magnitude = [](int64_t stride) { return static_cast<uint64_t>(stride < 0 ? -stride : stride); };
  const uint64_t span = (n - 1) * magnitude(row_stride) + (k - 1) * magnitude(column_stride) + 1;
  // Bytes that are no multiple of an element from an aligned address: any alignment is allowed.
  std::vector<char> memory(span * sizeof(Element) + misplaced);
  uint64_t state = n * 1000 + k;
  for (char& byte : memory) byte = static_cast<char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
  const uint64_t begin = (row_stride < 0 ? (n - 1) * magnitude(row_stride) : 0) + (column_stride < 0 ? (k - 1) * magnitude(column_stride) : 0);
  const char* const w = memory.data() + misplaced + begin * sizeof(Element);

  const uint64_t panels = (n + 15) / 16;
  std::vector<Element> expected(panels * 16 * k), found(panels * 16 * k + 16, static_cast<Element>(0xA5A5A5A5u));
  for (uint64_t i = 0; i < n; ++i) {
    for (uint64_t j = 0; j < k; ++j) {
      const int64_t at = static_cast<int64_t>(i) * row_stride + static_cast<int64_t>(j) * column_stride;
      std::memcpy(&expected[(i / 16 * k + j) * 16 + i % 16], w + at * static_cast<int64_t>(sizeof(Element)), sizeof(Element));
    }
  }
  // Panel by panel, the last first: ranges are apart.
  for (uint64_t panel = panels; panel-- > 0;) {
    invar_pack_panels(type, n, k, w, row_stride, column_stride, panel, panel + 1, found.data());
  }
  ASSERT_EQ(std::memcmp(expected.data(), found.data(), expected.size() * sizeof(Element)), 0)
      << n << " x " << k << ", strides " << row_stride << " and " << column_stride << ", type " << type;
  for (size_t i = expected.size(); i < found.size(); ++i) ASSERT_EQ(found[i], static_cast<Element>(0xA5A5A5A5u)) << "written beyond the end";
  compared += expected.size();
}

TEST(Pack, PanelsAreTheirDefinition) {
  for (const uint64_t n : {1, 2, 15, 16, 17, 32, 40}) {
    for (const uint64_t k : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 257}) {
      const int64_t rows = static_cast<int64_t>(n), depth = static_cast<int64_t>(k);
      for (const size_t misplaced : {0, 1, 2}) {
        for (const auto& [row, column] : std::vector<std::pair<int64_t, int64_t>>{
                 {depth, 1}, {depth + 5, 1}, {1, rows}, {1, rows + 3}, {2 * depth, 2}, {-depth, 1}, {1, -rows}}) {
          ExpectPanels<uint32_t>(INVAR_F32, n, k, row, column, misplaced);
          ExpectPanels<uint16_t>(INVAR_BF16, n, k, row, column, misplaced);
          ExpectPanels<uint16_t>(INVAR_F16, n, k, row, column, misplaced);
        }
      }
    }
  }
  std::printf("[ COMPARED ] %zu packed elements\n", compared);
  EXPECT_GT(compared, 1'000'000u);
}

}  // namespace
}  // namespace invar::testing
