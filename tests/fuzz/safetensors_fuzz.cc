// safetensors: whatever is accepted lies within the file, is of the size that its shape says, and can be read.
#include <cstring>
#include <vector>

#include "runtime/weights/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Accepts([&] {
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    const SafetensorsFile file = SafetensorsFile::Parse(bytes, "input");
    uint64_t total = 0;
    for (const std::string& name : file.names()) {
      Accepts([&] {
        const TensorView& tensor = file.Get(name);
        uint64_t elements = 1;
        for (const uint64_t extent : tensor.shape) elements *= extent;
        Require(elements == tensor.elements() && tensor.bytes <= size, "a tensor is as large as its shape says");
        std::vector<std::byte> copy(tensor.bytes);
        tensor.CopyTo(copy.data());
        Require(!Accepts([&] { tensor.Read(tensor.bytes, 1, copy.data()); }), "nothing is read beyond a tensor");
        total += tensor.bytes;
      });
    }
    Require(total <= size, "tensors do not overlap");
  });
  return 0;
}
