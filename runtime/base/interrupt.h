// A program that is interrupted while it writes removes what it wrote by half.
#pragma once

#include <csignal>

#include "runtime/base/error.h"

namespace invar {

// Thrown where a file is written after a signal came; a program that ends for it exits with 128 + signal().
class Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error("interrupted; what was written by half is removed"), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

// While it lives, SIGINT, SIGTERM and SIGHUP are noted instead of ending the process, except those that the process was
// told to ignore; a second one of the same kind ends it as ever. One at a time. A library has no say over its program's
// signals, so only the command line makes one.
class CatchInterrupts {
 public:
  CatchInterrupts();
  ~CatchInterrupts();
  CatchInterrupts(const CatchInterrupts&) = delete;
  CatchInterrupts& operator=(const CatchInterrupts&) = delete;

 private:
#if !defined(_WIN32)
  struct sigaction before_[3];
#endif
};

// Throws Interrupted where a signal was noted.
void CheckInterrupt();

}  // namespace invar
