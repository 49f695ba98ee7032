// Byte-pair encoding of one piece of text: merges in order of rank, leftmost first, in time n log n.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace invar {

class Bpe {
 public:
  struct Merge {
    uint32_t rank;
    int32_t id;  // of the merged token
  };

  // ids of the 256 single bytes; -1 where the vocabulary lacks one: the byte is then left out, as the reference does.
  void SetByte(uint8_t byte, int32_t id) { bytes_[byte] = id; }
  void AddMerge(int32_t left, int32_t right, Merge merge) { merges_.emplace(Key(left, right), merge); }

  // Of a piece of bytes.
  void Encode(std::string_view piece, std::vector<int32_t>* ids) const;
  // Of tokens to begin with, such as those of characters.
  void Merged(std::span<const int32_t> tokens, std::vector<int32_t>* ids) const;

 private:
  static uint64_t Key(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  struct Hash {
    size_t operator()(uint64_t key) const {
      key *= 0x9E3779B97F4A7C15u;
      return static_cast<size_t>(key ^ key >> 29);
    }
  };
  const Merge* Find(int32_t left, int32_t right) const {
    const auto found = merges_.find(Key(left, right));
    return found == merges_.end() ? nullptr : &found->second;
  }

  int32_t bytes_[256] = {};
  std::unordered_map<uint64_t, Merge, Hash> merges_;
};

}  // namespace invar
