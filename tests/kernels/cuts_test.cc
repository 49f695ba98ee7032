// How work is cut: everything once, in order, and into pieces of the sizes that are promised.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "runtime/kernels/cuts.h"

namespace invar {
namespace {

TEST(RowTiles, CoverAllRowsInTilesOfTwoHeightsAtMostOneApart) {
  for (size_t most = 1; most <= 32; ++most) {
    for (size_t rows = 1; rows <= 200; ++rows) {
      const RowTiles tiles(rows, most);
      EXPECT_EQ(tiles.Begin(0), 0u);
      EXPECT_EQ(tiles.Begin(tiles.tiles), rows);
      for (size_t tile = 0; tile < tiles.tiles; ++tile) {
        EXPECT_LE(tiles.Height(tile), most);
        EXPECT_LE(tiles.Height(0) - tiles.Height(tile), 1u);
        for (size_t end = tile + 1; end <= tiles.tiles; ++end) {
          const size_t few = tiles.EqualFrom(tile, end);
          ASSERT_TRUE(few >= 1 && tile + few <= end);
          EXPECT_EQ(tiles.Height(tile + few - 1), tiles.Height(tile));
        }
        const size_t equal = tiles.EqualFrom(tile, tiles.tiles);
        EXPECT_TRUE(tile + equal == tiles.tiles || tiles.Height(tile + equal) < tiles.Height(tile));
      }
    }
  }
}

TEST(Shares, CoverAllItemsFromLargeToSingle) {
  for (const size_t threads : {2, 3, 16, 64}) {
    for (const size_t count : {1, 2, 7, 64, 1000, 9496}) {
      const Shares shares(count, threads);
      EXPECT_EQ(shares.Begin(0), 0u);
      EXPECT_EQ(shares.Begin(shares.size()), count);
      size_t before = count;
      for (size_t share = 0; share < shares.size(); ++share) {
        const size_t size = shares.Begin(share + 1) - shares.Begin(share);
        ASSERT_GE(size, 1u);
        EXPECT_LE(size, before);
        EXPECT_LE(size, std::max<size_t>(1, count / (2 * threads)));
        before = size;
      }
      EXPECT_EQ(before, 1u);
      EXPECT_EQ(shares.Begin(1), std::max<size_t>(1, count / (2 * threads)));
      // Each thread's share of what is left shrinks by a constant factor, down to the last single ones.
      EXPECT_LE(shares.size(), 2 * threads * (4 + static_cast<size_t>(std::log2(static_cast<double>(count)))));
    }
  }
}

TEST(Shares, SinglesAreSingle) {
  const Shares shares = Shares::Single(9);
  ASSERT_EQ(shares.size(), 9u);
  for (size_t share = 0; share <= 9; ++share) EXPECT_EQ(shares.Begin(share), share);
}

TEST(Shares, AThreadAloneHasAll) {
  EXPECT_EQ(Shares(1000, 1).size(), 1u);
  EXPECT_EQ(Shares(1000, 1).Begin(1), 1000u);
  EXPECT_EQ(Shares(0, 1).size(), 0u);
  EXPECT_EQ(Shares(0, 4).size(), 0u);
}

}  // namespace
}  // namespace invar
