// Weights widen exactly from their storage type to binary32 as they are loaded (contract, section 4): by Load, which waits least
// for memory, or by LoadShared, which takes fewest operations of the units that multiply.
#if defined(INVAR_SIMD_STORAGE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef INVAR_SIMD_STORAGE_INL_H_
#undef INVAR_SIMD_STORAGE_INL_H_
#else
#define INVAR_SIMD_STORAGE_INL_H_
#endif

#include "invar/simd/highway-inl.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {

struct StorageF32 {
  using T = float;
  static HWY_INLINE VF Load(DF d, const T* p) { return hn::LoadU(d, p); }
  static HWY_INLINE VF LoadShared(DF d, const T* p) { return Load(d, p); }
  static HWY_INLINE float Widen(const void* p) {
    float f;
    memcpy(&f, p, sizeof(f));
    return f;
  }
};

// bf16 is the upper half of a binary32.
struct StorageBF16 {
  using T = uint16_t;
  static HWY_INLINE VF Load(DF d, const T* p) {
    const hn::RebindToUnsigned<DF> du;
    const hn::Rebind<uint16_t, DF> dh;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(dh, p))));
  }
  // One permutation of bytes, zeros among them, in place of widening and a shift.
  static HWY_INLINE VF LoadShared(DF d, const T* p) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL && HWY_MAX_BYTES >= 64
    alignas(64) static constexpr uint8_t kBytes[64] = {
        0,  0, 0,  1,  0,  0, 2,  3,  0,  0, 4,  5,  0,  0, 6,  7,  0,  0, 8,  9,  0,  0, 10, 11, 0,  0, 12, 13, 0,  0, 14, 15,
        0,  0, 16, 17, 0,  0, 18, 19, 0,  0, 20, 21, 0,  0, 22, 23, 0,  0, 24, 25, 0,  0, 26, 27, 0,  0, 28, 29, 0,  0, 30, 31};
    (void)d;
    const __m512i halves = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return VF{_mm512_castsi512_ps(_mm512_maskz_permutexvar_epi8(0xCCCCCCCCCCCCCCCCull, _mm512_load_si512(kBytes), halves))};
#elif HWY_TARGET == HWY_AVX2
    alignas(32) static constexpr uint8_t kBytes[32] = {
        128, 128, 0, 1, 128, 128, 2,  3,  128, 128, 4,  5,  128, 128, 6,  7,
        128, 128, 8, 9, 128, 128, 10, 11, 128, 128, 12, 13, 128, 128, 14, 15};
    const hn::Repartition<uint8_t, DF> db;
    return hn::BitCast(d, hn::TableLookupBytesOr0(hn::LoadDup128(db, reinterpret_cast<const uint8_t*>(p)), hn::Load(db, kBytes)));
#else
    return Load(d, p);
#endif
  }
  static HWY_INLINE float Widen(const void* p) {
    uint16_t h;
    memcpy(&h, p, sizeof(h));
    const uint32_t bits = static_cast<uint32_t>(h) << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
  }
};

// binary16. Without an instruction for it: its exponent and fraction, moved into place, are the value times 2^-112; the product with 2^112 is exact,
// subnormals included. Exponent 31 (infinity, NaN) becomes binary32's 255.
struct StorageF16 {
  using T = uint16_t;
  static HWY_INLINE VF Load(DF d, const T* p) {
#if INVAR_NATIVE_F16
    const hn::Rebind<hwy::float16_t, DF> df16;
    return hn::PromoteTo(d, hn::LoadU(df16, reinterpret_cast<const hwy::float16_t*>(p)));
#else
    const hn::RebindToUnsigned<DF> du;
    const hn::Rebind<uint16_t, DF> dh;
    const auto h = hn::PromoteTo(du, hn::LoadU(dh, p));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(h, hn::Set(du, 0x7FFFu)));
    const auto sign = hn::ShiftLeft<16>(hn::And(h, hn::Set(du, 0x8000u)));
    const auto scaled = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
    const auto special = hn::BitCast(d, hn::Or(magnitude, hn::Set(du, 0x7F800000u)));
    const auto is_special = hn::Ge(scaled, hn::Set(d, 65536.0f));
    return hn::BitCast(d, hn::Or(sign, hn::BitCast(du, hn::IfThenElse(is_special, special, scaled))));
#endif
  }
  static HWY_INLINE VF LoadShared(DF d, const T* p) { return Load(d, p); }
  static HWY_INLINE float Widen(const void* p) {
    uint16_t h;
    memcpy(&h, p, sizeof(h));
    uint32_t bits = static_cast<uint32_t>(h & 0x7FFFu) << 13;
    float f;
    if ((h & 0x7C00u) == 0x7C00u) {
      bits |= 0x7F800000u;
    } else {
      memcpy(&f, &bits, sizeof(f));
      f = f * 0x1p112f;
      memcpy(&bits, &f, sizeof(bits));
    }
    bits |= static_cast<uint32_t>(h & 0x8000u) << 16;
    memcpy(&f, &bits, sizeof(f));
    return f;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#endif  // INVAR_SIMD_STORAGE_INL_H_
