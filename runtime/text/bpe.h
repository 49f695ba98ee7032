// Byte-pair encoding of one piece of text: merges in order of rank, leftmost first, in time n log n.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace invar {

class Bpe {
 public:
  // Memory that one call after the other uses again. Not to be shared by threads.
  struct Scratch {
    std::vector<int32_t> tokens;
    std::vector<uint32_t> ranks;
    std::vector<int32_t> previous, next;
    std::vector<uint64_t> queue;
  };

  // ids of the 256 single bytes; -1 where the vocabulary lacks one: the byte is then left out, as the reference does.
  void SetByte(uint8_t byte, int32_t id) { bytes_[byte] = id; }
  // What stands for bytes that the vocabulary lacks, and whether once for several of them in a row.
  void SetUnknown(int32_t id, bool fuse) {
    unknown_ = id;
    fuse_unknown_ = fuse;
  }
  // Merges are given in order of rank. A pair given again keeps its last rank, as in the reference.
  void AddMerge(int32_t left, int32_t right, int32_t merged);
  // Room for as many merges, so that adding them moves none.
  void Reserve(size_t merges);

  // Appends the tokens of a piece of bytes.
  void Encode(std::string_view piece, Scratch* scratch, std::vector<int32_t>* ids) const;
  // Appends what becomes of scratch->tokens, such as those of characters.
  void Merge(Scratch* scratch, std::vector<int32_t>* ids) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Slot {
    int32_t left = -1, right = -1;
    uint32_t rank = kNone;
  };

  size_t Home(int32_t left, int32_t right) const {
    const uint64_t key = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
    return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> shift_);
  }
  uint32_t Rank(int32_t left, int32_t right) const {
    for (size_t at = Home(left, right);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.left == left && slot.right == right) return slot.rank;
      if (slot.rank == kNone) return kNone;
    }
  }
  void Resize(size_t slots);
  void Insert(const Slot& slot);
  void MergeShort(Scratch* scratch, std::vector<int32_t>* ids) const;
  void MergeLong(Scratch* scratch, std::vector<int32_t>* ids) const;

  int32_t bytes_[256] = {};
  int32_t unknown_ = -1;
  bool fuse_unknown_ = false;
  std::vector<int32_t> merged_;  // by rank
  // Open addressing: a search ends at the first free slot.
  std::vector<Slot> slots_ = std::vector<Slot>(16);
  size_t used_ = 0;
  int shift_ = 60;
};

}  // namespace invar
