// Tokens' ids by what they are written with: one flat table, read by any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

class TokenTable {
 public:
  // Room for as many keys, so that adding them moves none.
  void Reserve(size_t keys);
  size_t size() const { return used_; }
  // A key given again keeps its first id.
  void Add(std::string_view key, int32_t id);
  // Has the memory that Find looks at first on its way: many keys looked up one after the other need not wait for each.
  void Prefetch(std::string_view key) const;
  // -1 where there is none.
  int32_t Find(std::string_view key) const;

 private:
  struct Slot {
    uint64_t head = 0;  // the key, or its first eight bytes
    uint32_t length = 0;
    int32_t id = -1;  // free
  };

  void Resize(size_t slots);
  size_t Search(std::string_view key) const;
  void Put(size_t slot, std::string_view key, int32_t id, size_t begin);

  std::vector<Slot> slots_ = std::vector<Slot>(16);
  std::vector<uint32_t> begins_ = std::vector<uint32_t>(16);  // by slot: where in keys_ its key begins
  std::string keys_;
  size_t used_ = 0;
  int shift_ = 60;
};

}  // namespace invar
