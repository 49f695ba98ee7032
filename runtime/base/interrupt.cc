#include "runtime/base/interrupt.h"

namespace invar {
namespace {

volatile std::sig_atomic_t noted = 0;

#if !defined(_WIN32)
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
void Note(int signal) { noted = signal; }
#endif

}  // namespace

#if defined(_WIN32)
CatchInterrupts::CatchInterrupts() = default;
CatchInterrupts::~CatchInterrupts() = default;
#else
CatchInterrupts::CatchInterrupts() {
  noted = 0;
  for (int i = 0; i < 3; ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;  // under nohup, say
    struct sigaction action = {};
    action.sa_handler = Note;
    sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

CatchInterrupts::~CatchInterrupts() {
  noted = 0;
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}
#endif

void CheckInterrupt() {
  if (const int signal = noted) throw Interrupted(signal);
}

}  // namespace invar
