// Signals that end the program, noted while it writes.
#pragma once

#include <csignal>

namespace invar::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP are noted (runtime/base/interrupt.h) instead of ending the process, except
// those that the process was told to ignore; a second one of the same kind ends it as ever. One at a time.
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

}  // namespace invar::cli
