#include "runtime/text/jinja/meter.h"

#include <algorithm>

#include "runtime/text/jinja/syntax.h"

namespace invar::jinja {
namespace {

// Whether the part lies there, charged for as far as it does.
bool Lies(const std::string& s, size_t at, const std::string& part, Meter& meter) {
  const auto same = std::mismatch(part.begin(), part.end(), s.begin() + static_cast<ptrdiff_t>(at)).first;
  meter.Bytes(static_cast<size_t>(same - part.begin()) + 1);
  return same == part.end();
}

}  // namespace

void Meter::FailSteps() const { Fail(source, line, "the template takes too many steps"); }
void Meter::FailText() const { Fail(source, line, "the text grows beyond " + std::to_string(limits_.text) + " bytes"); }

size_t FindFirst(const std::string& s, const std::string& part, size_t from, Meter& meter) {
  if (part.size() > s.size() || from > s.size() - part.size()) return s.npos;
  if (part.empty()) return from;
  const size_t last = s.size() - part.size();
  for (size_t at = from; at <= last; ++at) {
    const size_t begin = at;
    at = std::min(s.find(part[0], at), s.size());
    meter.Bytes(at - begin);
    if (at > last) break;
    if (Lies(s, at, part, meter)) return at;
  }
  return s.npos;
}

size_t FindLast(const std::string& s, const std::string& part, size_t from, Meter& meter) {
  if (part.size() > s.size()) return s.npos;
  for (size_t at = std::min(from, s.size() - part.size());; --at) {
    if (Lies(s, at, part, meter)) return at;
    if (at == 0) return s.npos;
  }
}

}  // namespace invar::jinja
