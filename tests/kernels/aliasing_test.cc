// Operands and results in shared memory (runtime/kernels/operations.h): what is allowed has the bits of separate memory,
// and anything else is refused before a value is written.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "runtime/kernels/operations.h"
#include "tests/support/refusal.h"
#include "tests/support/values.h"

namespace invar::testing {
namespace {

constexpr size_t kRows = 5, kWidth = 40, kStride = 100;

class Aliasing : public ::testing::Test {
 public:
  Aliasing() : kernels(Kernels::Of("")), pool(3), team(pool, 3), context{kernels, team, packed_rows}, buffer(2 * kRows * kStride), weights(kWidth * kWidth) {
    Random random(9);
    random.Fill(buffer.data(), buffer.size(), Values::kNormal);
    random.Fill(weights.data(), weights.size(), Values::kNormal);
    packed.resize(invar_packed_size(kWidth, kWidth));
    invar_pack_panels(INVAR_F32, kWidth, kWidth, weights.data(), kWidth, 1, 0, (kWidth + 15) / 16, packed.data());
    linear = {INVAR_F32, kWidth, kWidth, packed.data(), nullptr};
  }

  Rows At(size_t offset, int64_t stride = kStride) { return {buffer.data() + offset, stride}; }

  // f(y) for y in memory of its own.
  template <class F>
  std::vector<float> Apart(const F& f) {
    std::vector<float> y(kRows * kWidth);
    f(Rows{y.data(), kWidth});
    return y;
  }

  void ExpectRows(const std::vector<float>& expected, const Rows& found) {
    for (size_t r = 0; r < kRows; ++r) {
      EXPECT_EQ(std::memcmp(expected.data() + r * kWidth, found.row(r), kWidth * sizeof(float)), 0) << "row " << r;
    }
  }

  // Refused, and nothing written.
  template <class F>
  void ExpectRefused(const F& f) {
    const std::vector<float> before = buffer;
    ExpectRefusal(f, {"would overwrite an operand"});
    EXPECT_EQ(std::memcmp(before.data(), buffer.data(), before.size() * sizeof(float)), 0);
  }

  const Kernels& kernels;
  ThreadPool pool;
  Team team;
  Scratch packed_rows;
  Context context;
  std::vector<float> buffer, weights, packed;
  Linear linear;
};

TEST_F(Aliasing, MatmulInPlaceOfItsResidualAndBesideItsOperand) {
  const Rows x = At(0), residual = At(50);  // side by side in the same rows
  const std::vector<float> expected = Apart([&](const Rows& y) { Matmul(context, linear, kRows, x, y, INVAR_ACTIVATION_SILU, &residual); });
  Matmul(context, linear, kRows, x, residual, INVAR_ACTIVATION_SILU, &residual);
  ExpectRows(expected, residual);
}

TEST_F(Aliasing, MatmulOverItsOperandIsRefused) {
  const auto matmul = [&](const Rows& x, const Rows& y, const Rows* residual) {
    return [=, this] { Matmul(context, linear, kRows, x, y, INVAR_ACTIVATION_NONE, residual); };
  };
  for (const size_t offset : {size_t{0}, size_t{1}, kWidth - 1, kStride - 1, kStride, kStride + kWidth - 1}) {
    ExpectRefused(matmul(At(0), At(offset), nullptr));
    ExpectRefused(matmul(At(offset), At(0), nullptr));
  }
  ExpectRefused(matmul(At(0), At(50, kStride - 1), nullptr));  // rows that drift into one another
  const Rows backwards = At(kStride * (kRows - 1), -static_cast<int64_t>(kStride));
  ExpectRefused(matmul(backwards, At(1), nullptr));
  ExpectRefused(matmul(At(1), backwards, nullptr));
  const Rows y = At(kStride * kRows), shifted = At(kStride * kRows + 1);
  ExpectRefused(matmul(At(0), y, &shifted));
}

TEST_F(Aliasing, RowsOfABufferBeginAtLinesAnOddNumberApart) {
  constexpr size_t kLine = 16;
  for (const size_t columns : {1, 15, 16, 17, 128, 768, 1024, 3072}) {
    const Rows rows = RowsOf(packed_rows, kRows, columns);
    const size_t stride = static_cast<size_t>(rows.stride);
    EXPECT_GE(stride, columns);
    EXPECT_LE(stride, columns + 2 * kLine - 1);
    EXPECT_EQ(stride % (2 * kLine), kLine) << columns;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(rows.data) % (kLine * sizeof(float)), 0u) << columns;
  }
}

TEST_F(Aliasing, AttentionOverItsQueriesIsRefused) {
  const AttentionShape shape = {2, 1, kWidth / 2, 0.25f, 0};
  std::vector<float> keys(INVAR_LEAF * shape.d), values(INVAR_LEAF * ((shape.d + 15) / 16 * 16));
  const KvBlock block = {keys.data(), values.data()};
  const std::vector<AttentionSequence> sequences = {{0, kRows, 0, &block}};
  for (const size_t offset : {size_t{0}, size_t{1}, kWidth - 1, kStride}) {
    ExpectRefused([&] { Attention(context, shape, sequences, At(0), At(offset)); });
  }
  const std::vector<float> expected = Apart([&](const Rows& y) { Attention(context, shape, sequences, At(0), y); });
  Attention(context, shape, sequences, At(0), At(50));  // side by side
  ExpectRows(expected, At(50));
}

TEST_F(Aliasing, RowsAndMapsInPlaceOrApart) {
  const std::vector<float> gain(kWidth, 0.75f);
  const auto norm = [&](const Rows& x, const Rows& y) { ForEachRow(context, kernels.rms_norm, kRows, kWidth, x, gain.data(), nullptr, 1e-5f, y); };
  const auto add = [&](const Rows& x, const Rows& z, const Rows& y) { MapRows(context, kernels.swiglu, kRows, kWidth, x, z, y); };
  const Rows x = At(0), z = At(50);
  ExpectRefused([&] { norm(x, At(1)); });
  ExpectRefused([&] { norm(At(kWidth - 1), x); });
  ExpectRefused([&] { add(x, z, At(60)); });
  ExpectRefused([&] { add(x, z, At(kStride)); });
  std::vector<float> expected = Apart([&](const Rows& y) { add(x, z, y); });
  add(x, z, z);
  ExpectRows(expected, z);
  expected = Apart([&](const Rows& y) { norm(x, y); });
  norm(x, x);
  ExpectRows(expected, x);
}

}  // namespace
}  // namespace invar::testing
