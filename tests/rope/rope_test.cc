// The quick part of prove_rope: every published frequency, and of the positions a share on every instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "runtime/kernels/selection.h"
#include "tests/rope/sweep.h"

namespace invar::rope_test {
namespace {

const Frequencies& Checked() {
  static const Frequencies frequencies = CheckFrequencies(PublishedParameters());
  return frequencies;
}

TEST(Rope, PublishedFrequenciesAreCorrectlyRounded) {
  const Frequencies& checked = Checked();
  printf("%zu frequencies compared, %zu distinct\n", checked.compared, checked.distinct());
  EXPECT_GT(checked.compared, 6000u);
  EXPECT_GT(checked.distinct(), 3000u);
  EXPECT_GT(checked.groups.size(), 4u);  // yarn's attention factors
  for (const std::string& wrong : checked.wrong) ADD_FAILURE() << wrong;
}

// 500 positions: the first ones, the last one, and the others by a stride that is coprime to 2^20.
TEST(Rope, TablesAreCosinesAndSinesOfTheRoundedAngle) {
  constexpr size_t kCount = 500;
  const auto position = [](size_t i) {
    return i < 8 ? static_cast<uint32_t>(i) : (0xFFFFFu - 2097143u * static_cast<uint32_t>(i - 8)) & 0xFFFFFu;
  };
  for (const std::string& isa : SupportedIsas()) {
    const Tables tables = CheckTables(isa, Checked().groups, kCount, position, 2);
    printf("%-8s %llu angles compared, %llu wrong, %llu cosines and sines asked MPFR\n", isa.c_str(),
           static_cast<unsigned long long>(tables.compared), static_cast<unsigned long long>(tables.wrong),
           static_cast<unsigned long long>(tables.asked_mpfr));
    EXPECT_EQ(tables.compared, kCount * Checked().distinct());
    EXPECT_EQ(tables.wrong, 0u) << isa << ": " << tables.first_wrong;
  }
}

// Both checks notice one unit of one value.
TEST(Rope, TheChecksCanFail) {
  const auto off = [](const RopeParameters& p) {
    std::vector<float> values = RopeFrequencies(p);
    values.back() = std::nextafter(values.back(), 1.0f);
    return values;
  };
  EXPECT_EQ(CheckFrequencies(PublishedParameters(), off).wrong.size(), PublishedParameters().size());

  const auto one_wrong = [](const Context& context, size_t rows, const uint32_t* positions, size_t n, const float* frequencies,
                            float factor, const Rows& cosine, const Rows& sine) {
    RotaryTables(context, rows, positions, n, frequencies, factor, cosine, sine);
    if (positions[0] == 0) sine.row(7)[n - 1] = std::nextafter(sine.row(7)[n - 1], 2.0f);
  };
  const Tables tables =
      CheckTables("", Checked().groups, 300, [](size_t i) { return static_cast<uint32_t>(i); }, 2, one_wrong);
  EXPECT_EQ(tables.wrong, Checked().groups.size());
  EXPECT_NE(tables.first_wrong.find("position 7,"), std::string::npos) << tables.first_wrong;
}

}  // namespace
}  // namespace invar::rope_test
