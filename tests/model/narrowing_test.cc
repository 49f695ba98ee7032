// A conversion refuses finite weights that the narrower type would make infinite, and leaves nothing behind.
#include "runtime/model/convert.h"
#include "tests/model/checkpoint.h"

namespace invar::testing {
namespace {

TEST(Narrowing, RefusesWhatWouldBecomeInfinite) {
  const TemporaryDirectory folder;
  const std::filesystem::path from = folder / "from", to = folder / "to";
  std::filesystem::copy(ModelDir("gpt2"), from, std::filesystem::copy_options::recursive);
  Checkpoint checkpoint = Checkpoint::Of("gpt2");
  const auto with = [&](float weight, DType type) -> std::string {
    const std::string name = checkpoint.tensors.count("ln_f.bias") != 0 ? "ln_f.bias" : "transformer.ln_f.bias";
    const std::vector<uint64_t> shape = checkpoint.tensors.at(name).shape;
    checkpoint.Set(name, shape, std::vector<float>(shape.at(0), weight));
    checkpoint.Write(from);
    std::filesystem::remove_all(to);
    ConvertOptions options;
    options.type = type;
    try {
      Convert(from, to, options);
      EXPECT_TRUE(std::filesystem::exists(to));
      return "";
    } catch (const Error& e) {
      EXPECT_FALSE(std::filesystem::exists(to));
      return e.what();
    }
  };
  // Halfway to what would be the next number of each type, the tie rounds up: to infinity.
  EXPECT_EQ(with(65519.996f, DType::kF16), "");
  EXPECT_NE(with(65520.0f, DType::kF16).find("f16 cannot hold"), std::string::npos);
  EXPECT_NE(with(-65520.0f, DType::kF16).find("f16 cannot hold"), std::string::npos);
  EXPECT_EQ(with(65520.0f, DType::kBF16), "");
  EXPECT_EQ(with(0x1.fefffep127f, DType::kBF16), "");
  EXPECT_NE(with(0x1.ffp127f, DType::kBF16).find("bf16 cannot hold"), std::string::npos);
}

}  // namespace
}  // namespace invar::testing
