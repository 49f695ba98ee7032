// Values that are hard on a kernel: the same on every machine, for a seed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>
#include <string>

namespace invar::testing {

// What kinds of values a case is made of.
enum class Values { kNormal, kHuge, kSubnormal, kSpecial, kCancelling, kZeros };
inline constexpr Values kAllValues[] = {Values::kNormal,  Values::kHuge,       Values::kSubnormal,
                                        Values::kSpecial, Values::kCancelling, Values::kZeros};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Bits() { return engine_(); }
  size_t Below(size_t bound) { return static_cast<size_t>(engine_() % bound); }
  float Uniform(float low, float high) {
    return low + (high - low) * (static_cast<float>(engine_() >> 40) * 0x1p-24f);
  }

  float Value(Values values) {
    const uint32_t sign = static_cast<uint32_t>(Bits() & 1) << 31;
    switch (values) {
      case Values::kNormal:
        return Uniform(-4, 4);
      case Values::kHuge:
        return FromBits(sign | (0x7E000000u + static_cast<uint32_t>(Bits() % 0x017FFFFFu)));
      case Values::kSubnormal:
        return FromBits(sign | static_cast<uint32_t>(Bits() & 0x007FFFFFu));
      case Values::kSpecial: {
        static constexpr uint32_t special[] = {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC00001u, 0x7F800001u,
                                               0x00000000u, 0x80000000u, 0x00000001u, 0x80000001u, 0x7F7FFFFFu,
                                               0xFF7FFFFFu, 0x00800000u, 0x3F800000u};
        return Below(4) == 0 ? FromBits(special[Below(std::size(special))]) : Uniform(-100, 100);
      }
      case Values::kCancelling: {
        // Few values of either sign, far apart: sums lose and regain everything.
        static constexpr float steps[] = {1e8f, -1e8f, 1.0f, -1.0f, 0x1p-24f, 16777216.0f, -16777216.0f, 3.0f};
        return steps[Below(std::size(steps))];
      }
      case Values::kZeros:
        return FromBits(sign);
    }
    return 0;
  }

  void Fill(float* x, size_t n, Values values) {
    for (size_t i = 0; i < n; ++i) x[i] = Value(values);
  }

 private:
  static float FromBits(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    return x;
  }
  std::mt19937_64 engine_;
};

// How much to try: INVAR_TEST_SCALE = small (under sanitizers), normal, large.
inline int Scale() {
  const char* scale = std::getenv("INVAR_TEST_SCALE");
  if (scale == nullptr || std::string(scale) == "normal") return 2;
  return std::string(scale) == "large" ? 8 : 1;
}

}  // namespace invar::testing
