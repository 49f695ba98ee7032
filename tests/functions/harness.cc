#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/functions/harness.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "invar/simd/functions-inl.h"
#include "tests/functions/harness.h"

HWY_BEFORE_NAMESPACE();
namespace invar {
namespace HWY_NAMESPACE {
namespace functions_harness {

// A vector at a time; what remains one by one, by way of a vector of its own.
#define INVAR_MAP(NAME)                                                   \
  HWY_NOINLINE void NAME##Map(const float* x, float* y, size_t n) {       \
    const DH d;                                                           \
    const size_t lanes = hn::Lanes(d);                                    \
    size_t i = 0;                                                         \
    for (; i + lanes <= n; i += lanes) {                                  \
      hn::StoreU(NAME(hn::LoadU(d, x + i)), d, y + i);                    \
    }                                                                     \
    for (; i < n; ++i) {                                                  \
      HWY_ALIGN float one[HWY_MAX_BYTES / sizeof(float)];                 \
      hn::StoreU(NAME(hn::Set(d, x[i])), d, one);                         \
      y[i] = one[0];                                                      \
    }                                                                     \
  }
INVAR_MAP(Exp)
INVAR_MAP(Log)
INVAR_MAP(Tanh)
INVAR_MAP(Erfc)
INVAR_MAP(Sin)
INVAR_MAP(Cos)
#if INVAR_EXP_IN_PAIRS
INVAR_MAP(ExpInDoubles)
constexpr functions_test::Map kInDoubles = ExpInDoublesMap;
#else
constexpr functions_test::Map kInDoubles = nullptr;
#endif
#undef INVAR_MAP

const char* Method() { return kFused64 ? "fused" : "unfused"; }

const char* ExpMethod() {
#if INVAR_EXP_IN_PAIRS
  return HWY_MAX_BYTES >= 64 ? "pairs, 16" : "pairs, 8";
#else
  return Method();
#endif
}

}  // namespace functions_harness
}  // namespace HWY_NAMESPACE
}  // namespace invar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include "invar/simd/targets.h"

namespace invar {
namespace functions_test {

const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = [] {
    std::vector<Target> all;
    const auto supported = hwy::SupportedTargets();
#define INVAR_ADD(CONSTANT, SPACE)                                                                    \
  {                                                                                                   \
    namespace f = SPACE::functions_harness;                                                           \
    const bool runs = (supported & (CONSTANT)) != 0 || (CONSTANT) == HWY_STATIC_TARGET;               \
    all.push_back({hwy::TargetName(CONSTANT), runs, f::ExpMethod(), f::Method(),                      \
                   {f::ExpMap, f::LogMap, f::TanhMap, f::ErfcMap, f::SinMap, f::CosMap}});            \
    if (f::kInDoubles != nullptr) {                                                                   \
      static const std::string name = std::string(hwy::TargetName(CONSTANT)) + "-in-doubles";         \
      all.push_back({name.c_str(), runs, f::Method(), f::Method(), {f::kInDoubles}});                 \
    }                                                                                                 \
  }
    INVAR_FOR_EACH_TARGET(INVAR_ADD)
#undef INVAR_ADD
    return all;
  }();
  return targets;
}

std::vector<const Target*> Supported(Function function) {
  std::vector<const Target*> result;
  for (const Target& target : Targets()) {
    if (target.supported && target.functions[static_cast<int>(function)] != nullptr) result.push_back(&target);
  }
  return result;
}

const char* MethodOf(const Target& target, Function function) {
  return function == Function::kExp ? target.exp_method : target.method;
}

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kCases = 16;

}  // namespace

std::vector<Outcome> Compare(Function function, const std::vector<const Target*>& targets, uint64_t count,
                             const std::function<uint32_t(uint64_t)>& argument, int threads) {
  std::vector<Outcome> outcomes(targets.size());
  for (size_t t = 0; t < targets.size(); ++t) outcomes[t].target = targets[t];
  std::mutex mutex;
  uint64_t next = 0;  // the next block's first input
  const auto work = [&] {
    std::vector<float> x(kBlock), y(kBlock);
    std::vector<uint32_t> arguments(kBlock), expected(kBlock);
    for (;;) {
      uint64_t first, end;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        first = next;
        end = std::min(count, first + kBlock);
        next = end;
      }
      if (first == end) return;
      const size_t n = static_cast<size_t>(end - first);
      uint64_t asked_mpfr = 0;
      for (size_t i = 0; i < n; ++i) {
        arguments[i] = argument(first + i);
        expected[i] = Reference(function, arguments[i], &asked_mpfr);
      }
      memcpy(x.data(), arguments.data(), n * sizeof(float));
      for (Outcome& outcome : outcomes) {
        outcome.target->functions[static_cast<int>(function)](x.data(), y.data(), n);
        uint64_t wrong = 0;
        std::vector<Outcome::Case> cases;
        for (size_t i = 0; i < n; ++i) {
          const uint32_t result = std::bit_cast<uint32_t>(y[i]);
          if (result == expected[i]) continue;
          ++wrong;
          if (cases.size() < kCases) cases.push_back({arguments[i], result, expected[i]});
        }
        const std::lock_guard<std::mutex> lock(mutex);
        outcome.compared += n;
        outcome.asked_mpfr += asked_mpfr;
        outcome.wrong += wrong;
        outcome.cases.insert(outcome.cases.end(), cases.begin(), cases.end());
        std::sort(outcome.cases.begin(), outcome.cases.end(),
                  [](const Outcome::Case& a, const Outcome::Case& b) { return a.argument < b.argument; });
        if (outcome.cases.size() > kCases) outcome.cases.resize(kCases);
      }
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  return outcomes;
}

std::string Describe(Function function, const Outcome& outcome) {
  char line[160];
  snprintf(line, sizeof(line), "%-4s %-9s %-7s %11llu compared, %llu wrong, %llu asked MPFR", Name(function),
           outcome.target->name, MethodOf(*outcome.target, function), static_cast<unsigned long long>(outcome.compared),
           static_cast<unsigned long long>(outcome.wrong), static_cast<unsigned long long>(outcome.asked_mpfr));
  std::string text = line;
  for (const Outcome::Case& c : outcome.cases) {
    snprintf(line, sizeof(line), "\n  f(0x%08X) gave 0x%08X, not 0x%08X", c.argument, c.result, c.expected);
    text += line;
  }
  return text;
}

}  // namespace functions_test
}  // namespace invar

#endif  // HWY_ONCE
