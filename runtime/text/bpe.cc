#include "runtime/text/bpe.h"

#include <queue>

namespace invar {
namespace {

struct Symbol {
  int32_t id;  // -1: merged into its left neighbour
  int32_t previous, next;
};

struct Candidate {
  uint32_t rank;
  int32_t left;      // position of the left symbol
  int32_t left_id, right_id, merged;
  bool operator<(const Candidate& other) const {  // the queue gives the greatest: least rank, then leftmost
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

void Bpe::Encode(std::string_view piece, std::vector<int32_t>* ids) const {
  std::vector<int32_t> tokens;
  tokens.reserve(piece.size());
  for (const char c : piece) {
    if (const int32_t id = bytes_[static_cast<uint8_t>(c)]; id >= 0) tokens.push_back(id);
  }
  Merged(tokens, ids);
}

void Bpe::Merged(std::span<const int32_t> tokens, std::vector<int32_t>* ids) const {
  std::vector<Symbol> symbols;
  symbols.reserve(tokens.size());
  for (const int32_t id : tokens) {
    const int32_t at = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;

  // A short piece is quicker looked through again and again than kept in a queue.
  constexpr size_t kShort = 24;
  if (symbols.size() <= kShort) {
    for (;;) {
      const Merge* best = nullptr;
      int32_t at = -1;
      for (int32_t i = 0; symbols[static_cast<size_t>(i)].next >= 0; i = symbols[static_cast<size_t>(i)].next) {
        const Symbol& s = symbols[static_cast<size_t>(i)];
        const Merge* merge = Find(s.id, symbols[static_cast<size_t>(s.next)].id);
        if (merge != nullptr && (best == nullptr || merge->rank < best->rank)) {
          best = merge;
          at = i;
        }
      }
      if (best == nullptr) break;
      Symbol& s = symbols[static_cast<size_t>(at)];
      s.id = best->id;
      s.next = symbols[static_cast<size_t>(s.next)].next;
    }
    for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) ids->push_back(symbols[static_cast<size_t>(i)].id);
    return;
  }

  std::priority_queue<Candidate> queue;
  const auto offer = [&](int32_t left) {
    if (left < 0) return;
    const Symbol& l = symbols[static_cast<size_t>(left)];
    if (l.next < 0) return;
    const Symbol& r = symbols[static_cast<size_t>(l.next)];
    if (const Merge* merge = Find(l.id, r.id)) queue.push({merge->rank, left, l.id, r.id, merge->id});
  };
  for (int32_t i = 0; i + 1 < static_cast<int32_t>(symbols.size()); ++i) offer(i);
  while (!queue.empty()) {
    const Candidate c = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<size_t>(c.left)];
    if (left.id != c.left_id || left.next < 0 || symbols[static_cast<size_t>(left.next)].id != c.right_id) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    left.id = c.merged;
    left.next = right.next;
    if (right.next >= 0) symbols[static_cast<size_t>(right.next)].previous = c.left;
    right.id = -1;
    offer(left.previous);
    offer(c.left);
  }
  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) ids->push_back(symbols[static_cast<size_t>(i)].id);
}

}  // namespace invar
