#include "runtime/text/bpe.h"

#include <algorithm>
#include <functional>

namespace invar {

void Bpe::Insert(const Slot& slot) {
  size_t at = Home(slot.left, slot.right);
  while (slots_[at].rank != kNone && (slots_[at].left != slot.left || slots_[at].right != slot.right)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  used_ += slots_[at].rank == kNone ? 1 : 0;
  slots_[at] = slot;
}

void Bpe::Resize(size_t size) {
  std::vector<Slot> old(size);
  old.swap(slots_);
  for (shift_ = 64; size > 1; size /= 2) --shift_;
  used_ = 0;
  for (const Slot& slot : old) {
    if (slot.rank != kNone) Insert(slot);
  }
}

void Bpe::Reserve(size_t merges) {
  merged_.reserve(merges);
  size_t size = slots_.size();
  while (merges * 5 >= size * 3) size *= 2;
  if (size > slots_.size()) Resize(size);
}

void Bpe::AddMerge(int32_t left, int32_t right, int32_t merged) {
  if (used_ * 5 >= slots_.size() * 3) Resize(slots_.size() * 2);
  Insert({left, right, static_cast<uint32_t>(merged_.size())});
  merged_.push_back(merged);
}

void Bpe::Encode(std::string_view piece, Scratch* scratch, std::vector<int32_t>* ids) const {
  std::vector<int32_t>& tokens = scratch->tokens;
  tokens.clear();
  bool unknown_before = false;
  for (const char c : piece) {
    const int32_t id = bytes_[static_cast<uint8_t>(c)];
    if (id >= 0) {
      tokens.push_back(id);
    } else if (unknown_ >= 0 && !(fuse_unknown_ && unknown_before)) {
      tokens.push_back(unknown_);
    }
    unknown_before = id < 0;
  }
  Merge(scratch, ids);
}

void Bpe::Merge(Scratch* scratch, std::vector<int32_t>* ids) const {
  // Ranks of a short piece are quicker looked through again and again than kept in a queue.
  constexpr size_t kShort = 100;
  if (scratch->tokens.size() < 2) {
    ids->insert(ids->end(), scratch->tokens.begin(), scratch->tokens.end());
  } else if (scratch->tokens.size() <= kShort) {
    MergeShort(scratch, ids);
  } else {
    MergeLong(scratch, ids);
  }
}

void Bpe::MergeShort(Scratch* scratch, std::vector<int32_t>* ids) const {
  size_t size = scratch->tokens.size();
  scratch->ranks.resize(size);
  int32_t* tokens = scratch->tokens.data();
  uint32_t* ranks = scratch->ranks.data();  // of each token with the next
  for (size_t i = 0; i + 1 < size; ++i) ranks[i] = Rank(tokens[i], tokens[i + 1]);
  ranks[size - 1] = kNone;
  for (;;) {
    uint32_t best = kNone;
    size_t at = 0;
    for (size_t i = 0; i + 1 < size; ++i) {
      const bool better = ranks[i] < best;
      at = better ? i : at;
      best = better ? ranks[i] : best;
    }
    if (best == kNone) break;
    tokens[at] = merged_[best];
    --size;
    for (size_t i = at + 1; i < size; ++i) {
      tokens[i] = tokens[i + 1];
      ranks[i] = ranks[i + 1];
    }
    if (at > 0) ranks[at - 1] = Rank(tokens[at - 1], tokens[at]);
    ranks[at] = at + 1 < size ? Rank(tokens[at], tokens[at + 1]) : kNone;
  }
  ids->insert(ids->end(), tokens, tokens + size);
}

void Bpe::MergeLong(Scratch* scratch, std::vector<int32_t>* ids) const {
  std::vector<int32_t>& tokens = scratch->tokens;
  const int32_t size = static_cast<int32_t>(tokens.size());
  scratch->ranks.assign(tokens.size(), kNone);
  scratch->previous.resize(tokens.size());
  scratch->next.resize(tokens.size());
  std::vector<uint32_t>& ranks = scratch->ranks;
  std::vector<int32_t>&previous = scratch->previous, &next = scratch->next;
  // A heap with the least rank at the front, then the leftmost. An entry is stale once its position has another rank.
  std::vector<uint64_t>& queue = scratch->queue;
  queue.clear();
  const auto at = [](auto& vector, int32_t i) -> auto& { return vector[static_cast<size_t>(i)]; };
  const auto entry = [&](int32_t i) { return uint64_t{at(ranks, i)} << 32 | static_cast<uint32_t>(i); };
  const auto offer = [&](int32_t i) {
    at(ranks, i) = at(next, i) < size ? Rank(at(tokens, i), at(tokens, at(next, i))) : kNone;
    if (at(ranks, i) == kNone) return;
    queue.push_back(entry(i));
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  for (int32_t i = 0; i < size; ++i) {
    at(previous, i) = i - 1;
    at(next, i) = i + 1;
    if (i + 1 < size) at(ranks, i) = Rank(at(tokens, i), at(tokens, i + 1));
    if (at(ranks, i) != kNone) queue.push_back(entry(i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  while (!queue.empty()) {
    const uint64_t top = queue.front();
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    queue.pop_back();
    const int32_t left = static_cast<int32_t>(top & UINT32_MAX);
    if (at(ranks, left) != top >> 32) continue;
    at(tokens, left) = at(merged_, static_cast<int32_t>(top >> 32));
    const int32_t right = at(next, left), after = at(next, right);
    at(ranks, right) = kNone;
    at(next, left) = after;
    if (after < size) at(previous, after) = left;
    if (at(previous, left) >= 0) offer(at(previous, left));
    offer(left);
  }
  for (int32_t i = 0; i < size; i = at(next, i)) ids->push_back(at(tokens, i));
}

}  // namespace invar
