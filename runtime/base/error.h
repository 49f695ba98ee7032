// The one way the runtime reports failure: an exception that carries a finished, one-sentence message.
#pragma once

#include <stdexcept>
#include <string>

namespace invar {

// Bad data or a failed operation: `what()` says what is wrong, where, and how to mend it, in one sentence that needs
// no context. The command line prints it and exits with 1.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// The caller asked for something that cannot be: an unknown flag value, an empty prompt. The command line exits with 2.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(message) {}
};

}  // namespace invar
