// GGUF: whatever is accepted lies within the file; its config, tokenizer, template and weights are refused or can be used.
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/gguf_model.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Accepts([&] {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    GgufFile file = GgufFile::Parse(bytes, "input");
    uint64_t total = 0;
    for (const GgufTensor& tensor : file.tensors()) {
      Require(tensor.offset <= size && tensor.bytes <= size - tensor.offset, "a tensor lies within the file");
      total += tensor.bytes;
    }
    Require(total <= size, "tensors do not overlap");
    Accepts([&] { ModelConfig::FromJson(GgufConfig(file), "input"); });
    Accepts([&] {
      const Tokenizer tokenizer = Tokenizer::FromJson(GgufTokenizer(file), "input");
      tokenizer.Decode(tokenizer.Encode("Don't panic, \xC3\xBC 12\n <s>"));
    });
    Accepts([&] { GgufTokenizerConfig(file); });
    const std::unique_ptr<WeightSource> weights = GgufWeightsOf(std::move(file));
    for (const std::string& name : weights->names()) {
      const TensorView& view = weights->Get(name);
      uint64_t elements = 1;
      for (const uint64_t extent : view.shape) elements *= extent;
      Require(elements == view.elements() && view.bytes <= size, "a tensor is as large as its shape says");
      std::vector<std::byte> copy(view.bytes);
      view.CopyTo(copy.data());
    }
  });
  return 0;
}
