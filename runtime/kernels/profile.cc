#include "runtime/kernels/profile.h"

namespace invar {

void Profile::Add(ProfiledKind kind, std::string_view name, int64_t nanoseconds) {
  for (Entry& entry : entries_) {
    if (entry.kind != kind || entry.name != name) continue;
    ++entry.calls;
    entry.nanoseconds += nanoseconds;
    return;
  }
  entries_.push_back({kind, std::string(name), 1, nanoseconds});
}

}  // namespace invar
