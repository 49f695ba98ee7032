// A program that is interrupted while it writes removes what it wrote by half.
#pragma once

#include "runtime/base/error.h"

namespace invar {

// Thrown where a file is written after a signal was noted; a program that ends for it exits with 128 + signal().
class Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error("interrupted; what was written by half is removed"), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

// For a program's signal handler: a library has no say over its program's signals. 0 forgets.
void NoteInterrupt(int signal);

// Throws Interrupted where a signal was noted.
void CheckInterrupt();

}  // namespace invar
