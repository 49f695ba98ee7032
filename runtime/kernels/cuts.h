// How work is cut: into tiles of rows, and into shares of threads. No bit depends on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace invar {

inline size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// Rows cut into tiles of almost equal height: no tile is left with a row or two.
struct RowTiles {
  size_t rows, tiles;
  RowTiles(size_t rows_, size_t most) : rows(rows_), tiles(CeilDiv(rows_, most)) {}
  size_t Begin(size_t tile) const { return tile * (rows / tiles) + std::min(tile, rows % tiles); }
  size_t Height(size_t tile) const { return Begin(tile + 1) - Begin(tile); }
  // Tiles of one height from this one on, before `end`.
  size_t EqualFrom(size_t tile, size_t end) const { return (tile < rows % tiles ? std::min(end, rows % tiles) : end) - tile; }
};

// `count` items cut into shares of consecutive ones: large at first, so that most items follow one that the same thread had and
// find in cache what it asked for in advance; single at last, so that threads end together (Polychronopoulos and Kuck, "Guided
// self-scheduling", 1987). A thread alone has all of them.
class Shares {
 public:
  Shares(size_t count, size_t threads) {
    Cut(count, [=](size_t left) { return threads == 1 ? left : std::max<size_t>(1, left / (2 * threads)); });
  }
  // Each item a share of its own, where they are too unequal.
  static Shares Single(size_t count) {
    Shares shares;
    shares.Cut(count, [](size_t) { return size_t{1}; });
    return shares;
  }
  size_t size() const { return begins_.size() - 1; }
  size_t Begin(size_t share) const { return begins_[share]; }

 private:
  Shares() = default;
  template <class Size>  // of the next share, by how many items are left
  void Cut(size_t count, const Size& size) {
    for (size_t at = 0; at < count; begins_.push_back(at)) at += size(count - at);
  }

  std::vector<size_t> begins_{0};
};

}  // namespace invar
