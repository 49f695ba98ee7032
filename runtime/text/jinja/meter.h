// What a render has used up. Everything that makes or reads values says so here, before it does: a template is of unknown
// origin, and one call in it may stand for any amount of work.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/text/jinja/value.h"

namespace invar::jinja {

// What a template may take: beyond it, it is refused.
struct Limits {
  size_t steps = 5'000'000;
  size_t text = size_t{64} << 20;  // bytes, of what is written and of any text on the way
};

// Values share their texts and lists, so what is made is all that can be held: the limit on steps bounds memory too, at 16
// bytes of text or an item of a list for each.
class Meter {
 public:
  Meter(const std::string& source, const Limits& limits) : source(source), limits_(limits) {}

  const std::string& source;  // for messages
  int line = 0;               // of what is being evaluated

  void Steps(size_t n) {
    if (n > limits_.steps - steps_) FailSteps();
    steps_ += n;
  }
  // Bytes of a text that are read, compared or copied.
  void Bytes(size_t n) {
    bytes_ += n;
    if (bytes_ < kBytesOfAStep) return;
    Steps(bytes_ / kBytesOfAStep);
    bytes_ %= kBytesOfAStep;
  }
  // A new text of that size, beside those there are.
  void Made(size_t n) {
    Whole(n);
    Steps(1);
    Bytes(n);
  }
  // `more` bytes are about to be added to a text.
  void Grows(const std::string& text, size_t more) {
    Whole(text.size() + more);
    Bytes(more);
  }
  // A text of that size is too long.
  void Whole(size_t n) const {
    if (n > limits_.text) FailText();
  }
  // A walk through a dict, which compares its keys.
  void Search(const Dict& dict, const std::string& key) { Bytes(dict.size() * (1 + key.size() / 64)); }
  // All that a value holds at its top is gone through.
  void Visit(const Value& v) {
    if (v.IsString()) Bytes(v.string().size());
    if (v.IsList()) Steps(v.list().size());
    if (v.IsDict()) Steps(v.dict().size());
  }

 private:
  static constexpr size_t kBytesOfAStep = 16;
  [[noreturn]] void FailSteps() const;
  [[noreturn]] void FailText() const;

  const Limits limits_;
  size_t steps_ = 0, bytes_ = 0;
};

// Where a part first lies at or after `from`, or last begins at or before it; npos where it does not. The standard library's
// searches take the product of both lengths on texts made for it: here each comparison is charged.
size_t FindFirst(const std::string& s, const std::string& part, size_t from, Meter& meter);
size_t FindLast(const std::string& s, const std::string& part, size_t from, Meter& meter);

}  // namespace invar::jinja
