// Published files that are test data and not part of the project: a folder "shared" beside it, or INVAR_SHARED.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace invar::testing {

inline std::filesystem::path SharedDir() {
  const char* given = std::getenv("INVAR_SHARED");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(INVAR_SOURCE_DIR) / ".." / "shared";
}

}  // namespace invar::testing

// Skips the test loudly where a file of the shared folder is missing; fails it where INVAR_REQUIRE_SHARED is set, as CI
// does.
#define INVAR_NEEDS_SHARED(relative)                                                                       \
  do {                                                                                                     \
    const std::filesystem::path needed = ::invar::testing::SharedDir() / (relative);                       \
    if (!std::filesystem::exists(needed)) {                                                                \
      if (std::getenv("INVAR_REQUIRE_SHARED") != nullptr) FAIL() << needed << " is missing, and required"; \
      GTEST_SKIP() << needed << " is missing: set INVAR_SHARED to the folder that holds it";               \
    }                                                                                                      \
  } while (false)
