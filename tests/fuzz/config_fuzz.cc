// config.json and generation_config.json: whatever is accepted can be multiplied and divided without a thought.
#include "runtime/model/config.h"
#include "runtime/model/exact.h"
#include "runtime/model/generation_config.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

namespace {

constexpr size_t kLargest = size_t{1} << 25;

void Check(const ModelConfig& c) {
  for (const size_t size : {c.vocab_size, c.hidden_size, c.layers, c.heads, c.kv_heads, c.head_dim, c.intermediate_size,
                            c.max_positions}) {
    Require(size >= 1 && size <= kLargest, "a size is from 1 to 2^25");
  }
  Require(c.heads * c.head_dim <= kLargest, "a query is no longer than a matmul's sum");
  Require(c.heads % c.kv_heads == 0, "query heads share key-value heads evenly");
  Require(c.norm_epsilon >= 0 && c.norm_epsilon <= 1, "the epsilon is between 0 and 1");
  if (c.architecture != Architecture::kDecoder) return;
  Require(c.windows.size() == c.layers, "each layer has its window");
  if (c.experts.experts > 0) {
    Require(c.experts.in_layer.size() == c.layers, "each layer has experts or not");
    Require(c.experts.per_token >= 1 && c.experts.per_token <= c.experts.experts, "tokens choose among the experts");
  }
  if (c.head_dim > 512) return;  // every frequency takes its time
  Require(RopeFrequencies(c.rope).size() == c.head_dim / 2, "each pair of a head has its frequency");
  RopeAttentionFactor(c.rope);
  AttentionScale(static_cast<uint32_t>(c.head_dim));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Accepts([&] { Check(ModelConfig::Parse(Text(data, size), "config.json")); });
  Accepts([&] {
    const GenerationConfig g = GenerationConfig::Parse(Text(data, size), "generation_config.json");
    Require(!g.temperature || *g.temperature >= 0, "a temperature is not negative");
    for (const int32_t id : g.eos_token_ids) Require(id >= 0, "a token id is not negative");
  });
  return 0;
}
