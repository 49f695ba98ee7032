// Matmul() of the runtime (runtime/kernels/operations.h): however many rows there are, and so however they, the outputs and the
// leaves are cut into blocks and passes, each row has the bits that it has alone, and those are the oracle's.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/bits.h"
#include "runtime/base/error.h"
#include "runtime/kernels/operations.h"
#include "tests/oracle/operations.h"
#include "tests/support/values.h"

namespace invar::testing {
namespace {

struct Problem {
  size_t rows, n, k;
};

class MatmulTest : public ::testing::TestWithParam<std::string> {};

TEST_P(MatmulTest, RowsAreThoseOfASingleRow) {
  const Kernels& kernels = Kernels::Of(GetParam());
  ThreadPool pool(3);
  Random random(31);
  size_t with_single = 0, with_oracle = 0;
  const size_t pass = kernels.most_terms();
  // Around what a pass takes; more rows than pass together; tiles of two heights; where the last leaves are empty; and so many outputs
  // that a thread takes several blocks in one stretch.
  for (const Problem& p : {Problem{40, 70, pass - 24}, {31, 70, pass}, {40, 70, pass + 1}, {64, 33, pass / 2}, {29, 50, 3072}, {33, 20, 2 * pass + 4},
                           {530, 3, pass + 6}, {13, 200, 300}, {19, 130, 520}, {45, 200, 300}, {57, 130, 520}, {3, 500, 130},
                           {17, 5, 32769}, {33, 5, 32769}, {1, 1300, 130}, {5, 1300, 130}}) {
    std::vector<float> x(p.rows * p.k), w(p.n * p.k), bias(p.n), packed(invar_packed_size(p.n, p.k));
    std::vector<uint16_t> narrow(w.size()), narrow_packed(packed.size());
    random.Fill(x.data(), x.size(), Values::kNormal);
    random.Fill(w.data(), w.size(), Values::kNormal);
    random.Fill(bias.data(), bias.size(), Values::kNormal);
    for (size_t i = 0; i < w.size(); ++i) {  // values that bfloat16 has: either type must give the same
      narrow[i] = static_cast<uint16_t>(BitCast<uint32_t>(w[i]) >> 16);
      w[i] = BitCast<float>(static_cast<uint32_t>(narrow[i]) << 16);
    }
    const int64_t k = static_cast<int64_t>(p.k);
    invar_pack_panels(INVAR_F32, p.n, p.k, w.data(), k, 1, 0, (p.n + 15) / 16, packed.data());
    invar_pack_panels(INVAR_BF16, p.n, p.k, narrow.data(), k, 1, 0, (p.n + 15) / 16, narrow_packed.data());
    const Linear linear = {INVAR_F32, p.n, p.k, packed.data(), bias.data()};
    const Linear narrow_linear = {INVAR_BF16, p.n, p.k, narrow_packed.data(), bias.data()};
    std::vector<float> expected(p.rows * p.n);
    {
      Team team(pool, 1);
      Scratch scratch;
      for (size_t r = 0; r < p.rows; ++r) {
        Matmul({kernels, team, scratch}, linear, 1, {x.data() + r * p.k, 0}, {expected.data() + r * p.n, 0});
      }
    }
    for (size_t i = 0; i < expected.size(); i += 37) {
      const float sum = oracle::Contract(x.data() + i / p.n * p.k, w.data() + i % p.n * p.k, p.k) + bias[i % p.n];
      ASSERT_EQ(std::memcmp(&sum, &expected[i], sizeof(sum)), 0) << p.rows << " x " << p.n << " x " << p.k << ", value " << i;
      ++with_oracle;
    }
    for (const int threads : {1, 3}) {
      for (const bool one_pass : {false, true}) {
        const Kernels used = one_pass ? kernels.InOnePass() : kernels;
        for (const Linear* weights : {&linear, &narrow_linear}) {
          Team team(pool, threads);
          Scratch scratch;
          std::vector<float> y(expected.size());
          Matmul({used, team, scratch}, *weights, p.rows, {x.data(), k}, {y.data(), static_cast<int64_t>(p.n)});
          EXPECT_EQ(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)), 0)
              << p.rows << " x " << p.n << " x " << p.k << " on " << threads << " threads" << (one_pass ? ", in one pass" : "")
              << (weights == &linear ? "" : ", bfloat16");
          with_single += y.size();
        }
      }
    }
  }
  std::printf("[ COMPARED ] %zu values with those of single rows, %zu with the oracle\n", with_single, with_oracle);
}

TEST_P(MatmulTest, SeveralAreThoseOfEachAlone) {
  const Kernels& kernels = Kernels::Of(GetParam());
  ThreadPool pool(3);
  Random random(33);
  size_t compared = 0;
  for (const size_t rows : {1, 5, 29, 61, 300}) {  // the last in several rounds on one thread
    for (const size_t k : {0, 130, 3000}) {
      // The last is of another type: its tiles are of other heights, and it is computed apart.
      const std::vector<std::pair<size_t, invar_type>> shapes = {
          {70, INVAR_F32}, {0, INVAR_F32}, {1, INVAR_F32}, {230, INVAR_F32}, {50, INVAR_BF16}};
      std::vector<float> x(rows * k), residual(rows * 230);
      random.Fill(x.data(), x.size(), Values::kNormal);
      random.Fill(residual.data(), residual.size(), Values::kNormal);
      const Rows from = {x.data(), static_cast<int64_t>(k)}, added = {residual.data(), 230};
      std::vector<std::vector<float>> packed;
      std::vector<std::vector<uint16_t>> narrow;
      std::vector<Linear> linears;
      for (const auto& [n, type] : shapes) {
        std::vector<float>& panels = packed.emplace_back(invar_packed_size(n, k));
        std::vector<uint16_t>& halves = narrow.emplace_back(panels.size());
        random.Fill(panels.data(), panels.size(), Values::kNormal);
        for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(BitCast<uint32_t>(panels[i]) >> 16);
        linears.push_back({type, n, k, type == INVAR_F32 ? static_cast<const void*>(panels.data()) : halves.data(), nullptr});
      }
      for (const int threads : {1, 3}) {
        for (const size_t count : {size_t{2}, size_t{4}, shapes.size()}) {
          Team team(pool, threads);
          Scratch scratch;
          const Context context = {kernels, team, scratch};
          std::vector<std::vector<float>> alone, together;
          std::vector<Product> products;
          for (size_t i = 0; i < count; ++i) {
            const size_t n = shapes[i].first;
            const Rows* plus = n == 230 ? &added : nullptr;
            std::vector<float>& y = alone.emplace_back(rows * n, -1.0f);
            Matmul(context, linears[i], rows, from, {y.data(), static_cast<int64_t>(n)}, INVAR_ACTIVATION_RELU, plus);
            together.emplace_back(rows * n, -2.0f);
            products.push_back({&linears[i], {together[i].data(), static_cast<int64_t>(n)}, INVAR_ACTIVATION_RELU, plus});
          }
          Matmuls(context, rows, from, products);
          products.push_back(products.front());
          EXPECT_THROW(Matmuls(context, rows, from, products), Error);  // one result in the place of another
          for (size_t i = 0; i < count; ++i) {
            compared += alone[i].size();
            if (alone[i].empty()) continue;
            EXPECT_EQ(std::memcmp(together[i].data(), alone[i].data(), alone[i].size() * sizeof(float)), 0)
                << rows << " x " << k << " by " << shapes[i].first << ", " << count << " products on " << threads << " threads";
          }
        }
      }
    }
  }
  std::printf("[ COMPARED ] %zu values of several products with those of each alone\n", compared);
}

// For whoever rounds panel_end up to whole tiles: nothing beyond the last panel is read or written.
TEST_P(MatmulTest, PanelsThatDoNotExistAreLeftOut) {
  const Kernels& kernels = Kernels::Of(GetParam());
  Random random(32);
  size_t compared = 0;
  for (uint32_t rows = 1; rows <= kernels.max_rows(INVAR_F32); ++rows) {
    for (const size_t n : {1, 16, 40, 100}) {
      const size_t k = 300, panels = (n + 15) / 16, stride = n + 80;
      std::vector<float> x(rows * k), weights(panels * 16 * k), exact(rows * stride, -7.0f), beyond = exact;
      random.Fill(x.data(), x.size(), Values::kNormal);
      random.Fill(weights.data(), weights.size(), Values::kNormal);
      invar_matmul_args args = {};
      args.k = k;
      args.n = n;
      args.panel_end = panels;
      args.lhs = x.data();
      args.rhs = weights.data();
      args.dst = exact.data();
      args.dst_stride = static_cast<int64_t>(stride);
      const invar_kernel& kernel = kernels.matmul(INVAR_F32, rows);
      kernel.call.matmul(&args);
      args.panel_end = panels + 5;
      args.dst = beyond.data();
      kernel.call.matmul(&args);
      EXPECT_EQ(std::memcmp(exact.data(), beyond.data(), exact.size() * sizeof(float)), 0) << kernel.tile << ", " << n << " outputs";
      EXPECT_EQ(beyond[n], -7.0f) << kernel.tile << ", " << n << " outputs";
      compared += exact.size();
    }
  }
  std::printf("[ COMPARED ] %zu values with and without panels that do not exist\n", compared);
}

INSTANTIATE_TEST_SUITE_P(Isas, MatmulTest, ::testing::ValuesIn(SupportedIsas()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace invar::testing
