#include "runtime/text/unicode.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/text/unicode_tables.h"

namespace invar {
namespace {

namespace table = unicode_tables;

uint8_t CombiningClass(uint32_t point) {
  const auto* found = std::upper_bound(std::begin(table::kCombiningClasses), std::end(table::kCombiningClasses), point,
                                       [](uint32_t p, const table::Class& r) { return p < r.first; });
  if (found == std::begin(table::kCombiningClasses)) return 0;
  --found;
  return point <= found->last ? found->value : 0;
}

// Hangul syllables decompose and compose by arithmetic (The Unicode Standard, section 3.12).
constexpr uint32_t kSyllables = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
constexpr uint32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;

void AppendDecomposed(uint32_t point, std::vector<uint32_t>* to) {
  if (point < 0xC0) {
    to->push_back(point);
    return;
  }
  if (point >= kSyllables && point < kSyllables + kLeadCount * kVowelCount * kTailCount) {
    const uint32_t index = point - kSyllables;
    to->push_back(kLeads + index / (kVowelCount * kTailCount));
    to->push_back(kVowels + index / kTailCount % kVowelCount);
    if (index % kTailCount != 0) to->push_back(kTails + index % kTailCount);
    return;
  }
  const auto* found = std::lower_bound(std::begin(table::kDecompositions), std::end(table::kDecompositions), point,
                                       [](const table::Decomposition& d, uint32_t p) { return d.point < p; });
  if (found != std::end(table::kDecompositions) && found->point == point) {
    to->insert(to->end(), table::kDecomposed + found->offset, table::kDecomposed + found->offset + found->length);
  } else {
    to->push_back(point);
  }
}

// 0 where the two do not compose.
uint32_t Compose(uint32_t first, uint32_t second) {
  if (first >= kLeads && first < kLeads + kLeadCount && second >= kVowels && second < kVowels + kVowelCount) {
    return kSyllables + ((first - kLeads) * kVowelCount + (second - kVowels)) * kTailCount;
  }
  if (first >= kSyllables && first < kSyllables + kLeadCount * kVowelCount * kTailCount &&
      (first - kSyllables) % kTailCount == 0 && second > kTails && second < kTails + kTailCount) {
    return first + (second - kTails);
  }
  const auto* found =
      std::lower_bound(std::begin(table::kCompositions), std::end(table::kCompositions), std::pair(first, second),
                       [](const table::Composition& c, const std::pair<uint32_t, uint32_t>& p) {
                         return std::pair(c.first, c.second) < p;
                       });
  return found != std::end(table::kCompositions) && found->first == first && found->second == second ? found->composed
                                                                                                      : 0;
}

// Normalizes a part that nothing before or after can change.
void AppendNfc(std::string_view text, std::string* out) {
  std::vector<uint32_t> points;
  for (size_t at = 0; at < text.size();) AppendDecomposed(NextValidPoint(text, &at), &points);
  std::vector<uint8_t> classes(points.size());
  for (size_t i = 0; i < points.size(); ++i) classes[i] = CombiningClass(points[i]);
  // Canonical order: marks between two starters, stably by class.
  std::vector<std::pair<uint8_t, uint32_t>> marks;
  for (size_t i = 0; i < points.size();) {
    if (classes[i] == 0) {
      ++i;
      continue;
    }
    size_t end = i;
    marks.clear();
    for (; end < points.size() && classes[end] != 0; ++end) marks.emplace_back(classes[end], points[end]);
    std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t k = i; k < end; ++k) std::tie(classes[k], points[k]) = marks[k - i];
    i = end;
  }
  // Composition: each point with the last starter, unless something of its class or more stands between.
  std::vector<uint32_t> composed;
  size_t starter = SIZE_MAX;
  int last_class = -1;  // of what follows the starter; -1: nothing yet
  for (size_t i = 0; i < points.size(); ++i) {
    if (starter != SIZE_MAX && (last_class == -1 || (last_class != 0 && last_class < classes[i]))) {
      if (const uint32_t c = Compose(composed[starter], points[i])) {
        composed[starter] = c;
        continue;
      }
    }
    composed.push_back(points[i]);
    if (classes[i] == 0) {
      starter = composed.size() - 1;
      last_class = -1;
    } else {
      last_class = classes[i];
    }
  }
  for (const uint32_t point : composed) AppendUtf8(point, out);
}

}  // namespace

const uint8_t* PointProperties() {
  static const std::vector<uint8_t> properties = [] {
    std::vector<uint8_t> p(0x110000);
    const auto mark = [&p](const auto& ranges, uint8_t bits) {
      for (const auto& r : ranges) {
        for (uint32_t c = r.first; c <= r.last; ++c) p[c] |= bits;
      }
    };
    mark(table::kLetters, static_cast<uint8_t>(CharClass::kLetter));
    mark(table::kNumbers, static_cast<uint8_t>(CharClass::kNumber));
    mark(table::kSpaces, static_cast<uint8_t>(CharClass::kSpace));
    mark(table::kWords, kWordBit);
    mark(table::kCombiningClasses, kMovesBit);
    for (const auto& c : table::kCompositions) p[c.second] |= kMovesBit;
    for (uint32_t c = kVowels; c < kVowels + kVowelCount; ++c) p[c] |= kMovesBit;
    for (uint32_t c = kTails + 1; c < kTails + kTailCount; ++c) p[c] |= kMovesBit;
    // What decomposes is stable only where it composes again, and nothing before it can join what it begins with.
    std::string text, normal;
    for (const auto& d : table::kDecompositions) {
      text.clear(), normal.clear();
      AppendUtf8(d.point, &text);
      AppendNfc(text, &normal);
      if (normal != text || (p[table::kDecomposed[d.offset]] & kMovesBit) != 0) p[d.point] |= kMovesBit;
    }
    return p;
  }();
  return properties.data();
}

uint32_t NextPoint(std::string_view text, size_t* at) {
  constexpr uint32_t kReplacement = 0xFFFD;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte((*at)++);
  if (lead < 0x80) return lead;
  int more;
  uint32_t point;
  // Ranges of the second byte (The Unicode Standard, table 3-7): neither overlong forms nor surrogates.
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    point = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    point = lead & 0x0Fu;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    point = lead & 0x07u;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return kReplacement;
  }
  for (; more > 0; --more) {
    if (*at >= text.size() || byte(*at) < low || byte(*at) > high) return kReplacement;
    point = point << 6 | (byte((*at)++) & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return point;
}

void AppendUtf8(uint32_t point, std::string* to) {
  const auto put = [to](uint32_t b) { to->push_back(static_cast<char>(b)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

bool IsValidUtf8(std::string_view text) {
  for (size_t at = 0;;) {
    at = SkipAscii(text, at);
    if (at >= text.size()) return true;
    const size_t begin = at;
    // U+FFFD is in order where it is what was written.
    if (NextPoint(text, &at) == 0xFFFD && text.substr(begin, at - begin) != "\uFFFD") return false;
  }
}

std::string ValidUtf8(std::string_view text) {
  if (IsValidUtf8(text)) return std::string(text);
  std::string valid;
  valid.reserve(text.size());
  for (size_t at = 0; at < text.size();) AppendUtf8(NextPoint(text, &at), &valid);
  return valid;
}

bool IsPlainNfc(std::string_view text) {
  const uint8_t* properties = PointProperties();
  for (size_t at = 0;;) {
    at = SkipAscii(text, at);
    if (at >= text.size()) return true;
    if ((properties[NextValidPoint(text, &at)] & kMovesBit) != 0) return false;
  }
}

std::string Nfc(std::string_view text) {
  const uint8_t* properties = PointProperties();
  std::string out;
  out.reserve(text.size());
  // Only from the character before one that may move to the next that stays is there anything to do.
  size_t done = 0, last = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if ((properties[NextValidPoint(text, &at)] & kMovesBit) == 0) {
      last = begin;
      continue;
    }
    size_t end = at;
    while (at < text.size() && (properties[NextValidPoint(text, &at)] & kMovesBit) != 0) end = at;
    out.append(text, done, last - done);
    AppendNfc(text.substr(last, end - last), &out);
    done = last = at = end;
  }
  return out.append(text, done);
}

size_t IncompleteSuffix(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const uint8_t b = static_cast<uint8_t>(text[text.size() - n]);
    if ((b & 0xC0) == 0x80) continue;
    const size_t length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC0 ? 2 : 1;
    if (length <= n) return 0;
    // Only where the bytes so far could become a character: otherwise they are wrong already.
    std::string whole(text.substr(text.size() - n));
    for (const char filler : {'\x80', '\x90', '\xA0', '\xBF'}) {
      std::string tried = whole;
      tried.append(length - n, filler);
      size_t at = 0;
      NextPoint(tried, &at);
      if (at == length) return n;
    }
    return 0;
  }
  return 0;
}

}  // namespace invar
