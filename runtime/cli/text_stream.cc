#include "runtime/cli/text_stream.h"

#include <algorithm>

namespace invar::cli {
namespace {

// Length of the longest end of `text` that is a proper beginning of `stop`.
size_t Overlap(const std::string& text, const std::string& stop) {
  if (stop.empty()) return 0;
  for (size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.compare(text.size() - n, n, stop, 0, n) == 0) return n;
  }
  return 0;
}

}  // namespace

std::string TextStream::Take(const std::string& more, bool last) {
  held_ += more;
  size_t end = std::string::npos;
  for (const std::string& stop : stops_) {
    if (!stop.empty()) end = std::min(end, held_.find(stop));
  }
  std::string out;
  if (end != std::string::npos) {
    stopped_ = true;
    out = held_.substr(0, end);
    held_.clear();
  } else {
    size_t keep = 0;
    if (!last) {
      for (const std::string& stop : stops_) keep = std::max(keep, Overlap(held_, stop));
    }
    out = held_.substr(0, held_.size() - keep);
    held_.erase(0, out.size());
  }
  text_ += out;
  return out;
}

}  // namespace invar::cli
