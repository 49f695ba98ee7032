// SHA-256, and the fingerprint of a result (docs/numerics.md, section 7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace invar {

class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(const void* data, size_t size);
  void Update(std::string_view text) { Update(text.data(), text.size()); }
  // Values as little-endian binary32, whatever the machine's byte order.
  void UpdateFloats(const float* values, size_t count);
  // Once, last.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Lower-case hexadecimal.
std::string Hex(const Sha256::Digest& digest);
std::string Sha256Hex(const void* data, size_t size);

// SHA-256 of the values as little-endian binary32, in hexadecimal: the same on every machine.
std::string Fingerprint(const float* values, size_t n);

}  // namespace invar
