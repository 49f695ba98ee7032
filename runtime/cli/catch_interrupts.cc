#include "runtime/cli/catch_interrupts.h"

#include "runtime/base/interrupt.h"

namespace invar::cli {

#if defined(_WIN32)
CatchInterrupts::CatchInterrupts() = default;
CatchInterrupts::~CatchInterrupts() = default;
#else
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

}  // namespace

CatchInterrupts::CatchInterrupts() {
  NoteInterrupt(0);
  for (int i = 0; i < 3; ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;  // under nohup, say
    struct sigaction action = {};
    action.sa_handler = NoteInterrupt;
    sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

CatchInterrupts::~CatchInterrupts() {
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  NoteInterrupt(0);
}
#endif

}  // namespace invar::cli
