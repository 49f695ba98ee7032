// Whether this is a sanitizer's build: those reserve address space by the terabyte, and end a process that runs out of it.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INVAR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define INVAR_SANITIZED 1
#endif
#endif

namespace invar::testing {

#if defined(INVAR_SANITIZED)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace invar::testing
