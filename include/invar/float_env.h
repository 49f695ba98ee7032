// The floating-point mode of the contract (docs/numerics.md, section 1): round to nearest even, subnormals kept, traps
// masked. Whatever mode the calling program set, a ScopedFloatEnv replaces it and gives it back.
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE__) || defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace invar {

class ScopedFloatEnv {
 public:
  ScopedFloatEnv() : found_(Read()) {
    if (found_ != Wanted(found_)) Write(Wanted(found_));
    Barrier();
  }
  ~ScopedFloatEnv() {
    Barrier();
    // The mode is given back as found; exception flags raised meanwhile are not reported, so that a result and its
    // side effects do not depend on which kernels ran.
    if (Read() != found_) Write(found_);
  }
  ScopedFloatEnv(const ScopedFloatEnv&) = delete;
  ScopedFloatEnv& operator=(const ScopedFloatEnv&) = delete;

 private:
  // A compiler knows no dependence of arithmetic on the mode. What is loaded after the mode is set, and stored before it
  // is given back, is at least computed in between.
  static void Barrier() {
#if defined(__GNUC__)
    asm volatile("" ::: "memory");
#endif
  }
#if defined(__SSE__) || defined(__x86_64__)
  using Word = uint32_t;
  static Word Read() { return _mm_getcsr(); }
  static void Write(Word w) { _mm_setcsr(w); }
  // 0x1F80: all traps masked, nearest, neither FTZ (0x8000) nor DAZ (0x0040). The low six bits are sticky flags.
  static Word Wanted(Word w) { return 0x1F80u | (w & 0x3Fu); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static Word Read() {
    Word w;
    asm volatile("mrs %0, fpcr" : "=r"(w)::"memory");
    return w;
  }
  static void Write(Word w) { asm volatile("msr fpcr, %0" ::"r"(w) : "memory"); }
  static Word Wanted(Word) { return 0; }
#elif defined(__riscv)
  using Word = unsigned long;
  static Word Read() {
    Word w;
    asm volatile("frrm %0" : "=r"(w)::"memory");
    return w;
  }
  static void Write(Word w) { asm volatile("fsrm %0" ::"r"(w) : "memory"); }
  static Word Wanted(Word) { return 0; }
#elif defined(__arm__) && defined(__ARM_FP)
  using Word = uint32_t;
  static Word Read() {
    Word w;
    asm volatile("vmrs %0, fpscr" : "=r"(w)::"memory");
    return w;
  }
  static void Write(Word w) { asm volatile("vmsr fpscr, %0" ::"r"(w) : "memory"); }
  static Word Wanted(Word) { return 0; }
#elif defined(__powerpc64__)
  // FPSCR travels in a floating-point register: the rounding mode in the low two bits, then NI (flush), then the traps'
  // enables. The older vector instructions, vmaddfp among them, which a compiler may choose for a fused multiply-add, obey
  // NJ (flush) of VSCR instead, 1 << 16 of its last word: here bit 32, where a bit of FPSCR is left out that is about decimal
  // numbers. Code without those instructions has no NJ either.
  using Word = uint64_t;
  static constexpr Word kNonJava = Word{1} << 32;
  static Word Read() {
    const double w = __builtin_mffs();
    return (std::bit_cast<Word>(w) & 0xFFFFFFFFu) | ReadNonJava();
  }
  static void Write(Word w) {
    __builtin_mtfsf(0xFF, std::bit_cast<double>(w & 0xFFFFFFFFu));
    WriteNonJava(w & kNonJava);
  }
  static Word Wanted(Word) { return 0; }

#if defined(__ALTIVEC__)
  using Vector = unsigned int __attribute__((vector_size(16)));
#if defined(__LITTLE_ENDIAN__)
  static constexpr int kVscrWord = 0;
#else
  static constexpr int kVscrWord = 3;
#endif
  static Vector ReadVscr() {
    Vector w;
    asm volatile("mfvscr %0" : "=v"(w)::"memory");
    return w;
  }
  static Word ReadNonJava() { return (ReadVscr()[kVscrWord] & 0x10000u) != 0 ? kNonJava : 0; }
  static void WriteNonJava(Word non_java) {
    Vector vscr = ReadVscr();
    vscr[kVscrWord] = (vscr[kVscrWord] & ~0x10000u) | (non_java != 0 ? 0x10000u : 0);
    asm volatile("mtvscr %0" ::"v"(vscr) : "memory");
  }
#else
  static Word ReadNonJava() { return 0; }
  static void WriteNonJava(Word) {}
#endif
#elif defined(__s390x__)
  using Word = uint32_t;
  static Word Read() {
    Word w;
    asm volatile("efpc %0" : "=d"(w)::"memory");
    return w;
  }
  static void Write(Word w) { asm volatile("sfpc %0" ::"d"(w) : "memory"); }
  static Word Wanted(Word) { return 0; }
#elif defined(__loongarch64)
  using Word = uint32_t;
  static Word Read() {
    Word w;
    asm volatile("movfcsr2gr %0, $fcsr0" : "=r"(w)::"memory");
    return w;
  }
  static void Write(Word w) { asm volatile("movgr2fcsr $fcsr0, %0" ::"r"(w) : "memory"); }
  static Word Wanted(Word) { return 0; }
#else
  // No mode that a program can set (WebAssembly), or none known here: the self-test at start still checks what is found.
  using Word = int;
  static Word Read() { return 0; }
  static void Write(Word) {}
  static Word Wanted(Word w) { return w; }
#endif
  Word found_;
};

}  // namespace invar
