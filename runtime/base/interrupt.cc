#include "runtime/base/interrupt.h"

#include <csignal>

namespace invar {
namespace {

volatile std::sig_atomic_t noted = 0;

}  // namespace

void NoteInterrupt(int signal) { noted = signal; }

void CheckInterrupt() {
  if (const int signal = noted) throw Interrupted(signal);
}

}  // namespace invar
