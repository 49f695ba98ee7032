#include "runtime/base/sha256.h"

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include <algorithm>

#include "runtime/base/bits.h"
#include "runtime/base/error.h"

namespace invar {
namespace {

// Version 2 has the functions that report failure under names of their own; version 3 dropped the others.
#if MBEDTLS_VERSION_NUMBER < 0x03000000
constexpr auto kStarts = mbedtls_sha256_starts_ret;
constexpr auto kUpdate = mbedtls_sha256_update_ret;
constexpr auto kFinish = mbedtls_sha256_finish_ret;
#else
constexpr auto kStarts = mbedtls_sha256_starts;
constexpr auto kUpdate = mbedtls_sha256_update;
constexpr auto kFinish = mbedtls_sha256_finish;
#endif

void Check(int result) {
  if (result != 0) throw Error("mbedtls could not compute a SHA-256 (error " + std::to_string(result) + ")");
}

}  // namespace

struct Sha256::Context {
  mbedtls_sha256_context state;
  Context() { mbedtls_sha256_init(&state); }
  ~Context() { mbedtls_sha256_free(&state); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { Check(kStarts(&context_->state, 0)); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(const void* data, size_t size) {
  if (size == 0) return;  // a null pointer may come with it
  Check(kUpdate(&context_->state, static_cast<const unsigned char*>(data), size));
}

void Sha256::UpdateFloats(const float* values, size_t count) {
  // One path for both byte orders; compilers make a copy of it where the order is already right.
  uint8_t bytes[4096];
  constexpr size_t kChunk = sizeof(bytes) / 4;
  while (count > 0) {
    const size_t n = std::min(count, kChunk);
    for (size_t i = 0; i < n; ++i) {
      const uint32_t bits = BitCast<uint32_t>(values[i]);
      for (int b = 0; b < 4; ++b) bytes[4 * i + b] = static_cast<uint8_t>(bits >> (8 * b));
    }
    Update(bytes, 4 * n);
    values += n;
    count -= n;
  }
}

Sha256::Digest Sha256::Finish() {
  Digest digest;
  Check(kFinish(&context_->state, digest.data()));
  return digest;
}

std::string Hex(const Sha256::Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string Sha256Hex(const void* data, size_t size) {
  Sha256 hash;
  hash.Update(data, size);
  return Hex(hash.Finish());
}

std::string Fingerprint(const float* values, size_t n) {
  Sha256 hash;
  hash.UpdateFloats(values, n);
  return Hex(hash.Finish());
}

}  // namespace invar
