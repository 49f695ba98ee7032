// Verification finds a defect and says where it is: one kernel is replaced by one that is wrong in a single bit.
#include <algorithm>

#include "runtime/engine/verify.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

// A bit in the middle: one unit in the last place may be rounded away again before it reaches a logit.
void FlipBit(float& x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  bits ^= 1u << 12;
  std::memcpy(&x, &bits, sizeof(bits));
}

// The true kernels, called by the false ones.
void (*true_swiglu)(const invar_map_args*);
void (*true_rope)(const invar_rope_args*);
size_t calls;

TEST(Verify, FindsNothingWhereNothingIsWrong) {
  for (const std::string& model : ModelNames()) {
    const Engine& engine = EngineOf(model);
    VerifyOptions options;
    options.model_directory = ModelDir(model);
    options.ids = RandomIds(engine, 12);
    options.cases = VerifyCases(VerifyPreset::kDemo, SupportedIsas(), options.ids.size());
    const std::vector<VerifyResult> results = Verify(engine, options);
    ASSERT_EQ(results.size(), options.cases.size());
    size_t compared = 0;
    for (const VerifyResult& r : results) {
      EXPECT_FALSE(r.mismatch.has_value());
      EXPECT_EQ(r.fingerprint, results[0].fingerprint);
      compared += r.values;
    }
    EXPECT_EQ(compared, (results.size() - 1) * 12 * engine.vocab_size());
  }
}

// Runs two cases, the second with `broken` kernels.
Mismatch Find(const std::string& model, const Kernels& broken, size_t chunk) {
  const Engine& engine = EngineOf(model);
  VerifyOptions options;
  options.ids = RandomIds(engine, 20);
  options.cases = {{"", 1, 1, 0, false}, {"broken", 1, 1, chunk, false}};
  options.kernels = [&](const std::string& isa) -> const Kernels& { return isa == "broken" ? broken : Kernels::Of(""); };
  const std::vector<VerifyResult> results = Verify(engine, options);
  EXPECT_EQ(results.size(), 2u);
  EXPECT_TRUE(results.back().mismatch.has_value()) << "the defect was not found";
  return results.back().mismatch.value_or(Mismatch{});
}

TEST(Verify, LocatesADefectByLayerTensorPositionAndIndex) {
  Kernels broken = Kernels::Of("");
  true_swiglu = broken.swiglu;
  // The row of position 13 of the second layer: rows are 20 to a layer where the text is fed whole.
  calls = 0;
  broken.swiglu = [](const invar_map_args* args) {
    true_swiglu(args);
    // Rows may come several to a call: count values.
    constexpr size_t kWidth = 384;
    for (size_t i = 0; i < args->n; ++i, ++calls) {
      if (calls % (4 * 20 * kWidth) == (20 + 13) * kWidth + 100) FlipBit(args->y[i]);
    }
  };
  ASSERT_EQ(EngineOf("qwen3").model().config().intermediate_size, 384u);
  ASSERT_EQ(EngineOf("qwen3").model().config().layers, 4u);
  const Mismatch found = Find("qwen3", broken, 0);
  EXPECT_EQ(found.layer, 1);
  EXPECT_EQ(found.position, 13u);
  EXPECT_NE(std::memcmp(&found.expected, &found.found, sizeof(float)), 0);
  std::printf("located: %s, layer %d, position %zu, index %zu, %a instead of %a\n", found.tensor.c_str(), found.layer,
              found.position, found.index, static_cast<double>(found.found), static_cast<double>(found.expected));
}

TEST(Verify, LocatesADefectInAChunkedRun) {
  Kernels broken = Kernels::Of("");
  true_rope = broken.rope;
  // The second half of the first head of the first row of every call.
  broken.rope = [](const invar_rope_args* args) {
    true_rope(args);
    FlipBit(args->x[args->dimension - 1]);
  };
  const Mismatch found = Find("qwen3", broken, 7);
  EXPECT_EQ(found.layer, 0);
  EXPECT_EQ(found.position, 0u);
  std::printf("located: %s, layer %d, position %zu, index %zu\n", found.tensor.c_str(), found.layer, found.position,
              found.index);
}

}  // namespace
}  // namespace invar::testing
