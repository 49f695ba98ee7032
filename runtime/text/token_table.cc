#include "runtime/text/token_table.h"

#include <cstring>

namespace invar {
namespace {

template <class T>
uint64_t Load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// Of keys of one length, no two of at most eight bytes have the same.
uint64_t Head(std::string_view key) {
  const size_t size = key.size();
  const char* data = key.data();
  if (size >= 8) return Load<uint64_t>(data);
  if (size >= 4) return Load<uint32_t>(data) | Load<uint32_t>(data + size - 4) << 32;
  if (size == 0) return 0;
  return Load<uint8_t>(data) | Load<uint8_t>(data + size / 2) << 8 | Load<uint8_t>(data + size - 1) << 16;
}

uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

uint64_t Hash(std::string_view key, uint64_t head) {
  uint64_t hash = Mix(key.size(), head);
  for (size_t at = 8; at + 8 < key.size(); at += 8) hash = Mix(hash, Load<uint64_t>(key.data() + at));
  if (key.size() > 8) hash = Mix(hash, Load<uint64_t>(key.data() + key.size() - 8));
  return hash * 0xBF58476D1CE4E5B9u;
}

}  // namespace

void TokenTable::Prefetch(std::string_view key) const {
#if defined(__GNUC__)
  __builtin_prefetch(&slots_[static_cast<size_t>(Hash(key, Head(key)) >> shift_)]);
#else
  (void)key;
#endif
}

int32_t TokenTable::Find(std::string_view key) const { return slots_[Search(key)].id; }

// The slot that holds the key, or the free one where it belongs.
size_t TokenTable::Search(std::string_view key) const {
  const uint64_t head = Head(key);
  for (size_t at = static_cast<size_t>(Hash(key, head) >> shift_);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.id < 0) return at;
    if (slot.head == head && slot.length == key.size() &&
        (key.size() <= 8 || std::memcmp(keys_.data() + begins_[at] + 8, key.data() + 8, key.size() - 8) == 0)) {
      return at;
    }
  }
}

void TokenTable::Put(size_t slot, std::string_view key, int32_t id, size_t begin) {
  slots_[slot] = {Head(key), static_cast<uint32_t>(key.size()), id};
  begins_[slot] = static_cast<uint32_t>(begin);
}

void TokenTable::Resize(size_t size) {
  std::vector<Slot> slots(size);
  std::vector<uint32_t> begins(size);
  slots.swap(slots_);
  begins.swap(begins_);
  for (shift_ = 64; size > 1; size /= 2) --shift_;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].id < 0) continue;
    const std::string_view old = std::string_view(keys_).substr(begins[i], slots[i].length);
    Put(Search(old), old, slots[i].id, begins[i]);
  }
}

void TokenTable::Reserve(size_t keys) {
  size_t size = slots_.size();
  while (keys * 5 >= size * 3) size *= 2;
  if (size > slots_.size()) Resize(size);
}

void TokenTable::Add(std::string_view key, int32_t id) {
  if (used_ * 5 >= slots_.size() * 3) Resize(slots_.size() * 2);
  const size_t slot = Search(key);
  if (slots_[slot].id >= 0) return;
  Put(slot, key, id, keys_.size());
  keys_ += key;
  ++used_;
}

}  // namespace invar
