// rows and reduce: norms, softmaxes, sums, dots and maxima, whose trees run along a row.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "tests/adversarial/case.h"
#include "tests/adversarial/halfway.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/by_name.h"
#include "tests/oracle/operations.h"

namespace invar::adversarial {
namespace {

// Each lane of a leaf a chain of halfway cases.
void FillHalfwayLanes(Random& r, float* x, float* z, size_t n) {
  std::vector<float> a(INVAR_LEAF / INVAR_PANEL), b(a.size());
  const bool tiny = r.Below(3) == 0;  // in all lanes: a normal one would hide the others in the fold
  for (size_t leaf = 0; leaf < n; leaf += INVAR_LEAF) {
    const size_t end = std::min<size_t>(leaf + INVAR_LEAF, n);
    for (size_t lane = 0; lane < INVAR_PANEL; ++lane) {
      FillHalfway(r, {a.size(), 1, a.data(), b.data(), 0, a.size(), 24, tiny});
      for (size_t i = leaf + lane, k = 0; i < end; i += INVAR_PANEL, ++k) {
        x[i] = a[k];
        z[i] = b[k];
      }
    }
  }
}

}  // namespace

void RunRows(Case& c) {
  Random& r = c.random;
  const bool one_value = std::string(c.operation.operation()) == "log_sum_exp";
  const size_t n = std::max<size_t>(1, DrawLength(r, r.Below(one_value ? 2 : 6) == 0 ? 4097 : 1400)), rows = 1 + r.Below(one_value ? 16 : n > 600 ? 2 : 4);
  const size_t width = one_value ? 1 : n;
  std::vector<float> x(rows * n), gain(n), bias(n), expected;
  std::string kinds;
  for (size_t row = 0; row < rows; ++row) {
    const Kind kind = DrawKind(r);
    Fill(r, kind, x.data() + row * n, n);
    kinds += std::string(row == 0 ? "'" : ", '") + Name(kind) + "'";
  }
  Fill(r, r.Below(2) == 0 ? Kind::kNormal : DrawKind(r), gain.data(), n);
  Fill(r, DrawKind(r), bias.data(), n);
  const bool biased = r.Below(3) != 0;
  static constexpr float epsilons[] = {1e-5f, 1e-6f, 1e-12f, 0.0f, 0x1p-140f, 1.0f};
  const float epsilon = epsilons[r.Below(std::size(epsilons))];
  c.description = std::to_string(rows) + " rows of " + std::to_string(n) + ": " + kinds;
  const auto oracle = oracle::RowsOracles().find(c.operation.operation());
  const bool known = oracle::kHasFunctions && oracle != oracle::RowsOracles().end();
  for (size_t row = 0; row < rows; ++row) {
    const oracle::Row y = known ? oracle->second(x.data() + row * n, n, gain.data(), biased ? bias.data() : nullptr, epsilon)
                                : oracle::Row(width);
    expected.insert(expected.end(), y.begin(), y.end());
  }
  c.Expect(std::move(expected), std::vector<uint8_t>(rows * width, known));

  Memory& memory = c.memory;
  std::vector<float> found(rows * width);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    float* at_gain = memory.gain.Place<float>(n, layout);
    float* at_bias = memory.bias.Place<float>(n, layout);
    std::memcpy(at_gain, gain.data(), n * sizeof(float));
    std::memcpy(at_bias, bias.data(), n * sizeof(float));
    for (const bool in_place : {false, true}) {
      if (in_place && one_value) continue;
      const size_t x_stride = n + layout.Below(2) * layout.Below(20), y_stride = in_place ? x_stride : width + layout.Below(20);
      float* at_x = memory.x.Place<float>((rows - 1) * x_stride + n, layout);
      for (size_t row = 0; row < rows; ++row) std::memcpy(at_x + row * x_stride, x.data() + row * n, n * sizeof(float));
      float* y = in_place ? at_x : memory.y.Place<float>((rows - 1) * y_stride + width, layout);
      const invar_rows_args args = {rows, n, at_x, static_cast<int64_t>(x_stride), at_gain, biased ? at_bias : nullptr, epsilon,
                                    y, static_cast<int64_t>(y_stride)};
      if (!c.Call(*kernel, kernel->call.rows_, args, layout)) return;
      Region& region = in_place ? memory.x : memory.y;
      for (size_t row = 0; row < rows; ++row) region.Take(y + row * y_stride, width, found.data() + row * width);
      const char* how = in_place ? "in place" : "";
      if (!c.CheckGuards(*kernel, how, {&region}) || !c.Compare(*kernel, how, found)) return;
    }
  }
}

void RunReduce(Case& c) {
  Random& r = c.random;
  const std::string operation = c.operation.operation();
  // Many rows, because each gives one value.
  constexpr size_t kRows = 64;
  struct One {
    std::vector<float> x, z;
  };
  std::vector<One> rows(kRows);
  std::vector<float> expected;
  const bool known = operation == "sum" || operation == "dot" || operation == "argmax";
  for (One& row : rows) {
    const size_t n = DrawLength(r, r.Below(12) == 0 ? 4097 : 1025);
    row.x.resize(n);
    row.z.resize(n);
    const Pair pair = static_cast<Pair>(r.Below(kPairs));
    if (operation != "dot") {
      Fill(r, DrawKind(r), row.x.data(), n);
    } else if (pair == Pair::kHalfway) {
      FillHalfwayLanes(r, row.x.data(), row.z.data(), n);
    } else {
      Fill(r, pair, {n, 1, row.x.data(), row.z.data(), n, INVAR_LEAF, 24, false});
    }
    if (operation == "argmax" && n > 1 && r.Below(2) == 0) {  // the greatest value again, anywhere
      const size_t greatest = static_cast<size_t>(std::max_element(row.x.begin(), row.x.end()) - row.x.begin());
      row.x[r.Below(n)] = row.x[greatest];
    }
    expected.push_back(operation == "argmax" ? static_cast<float>(oracle::Argmax(row.x.data(), n))
                       : operation == "dot"  ? oracle::Dot(row.x.data(), row.z.data(), n)
                                             : oracle::Sum(row.x.data(), n));
  }
  c.description = std::to_string(kRows) + " rows";
  c.Expect(std::move(expected), std::vector<uint8_t>(kRows, known));

  Memory& memory = c.memory;
  std::vector<float> found(kRows);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    for (size_t i = 0; i < kRows; ++i) {
      const size_t n = rows[i].x.size();
      float* x = memory.x.Place<float>(n, layout);
      float* z = kernel->operands == 2 ? memory.z.Place<float>(n, layout) : nullptr;
      if (n != 0) std::memcpy(x, rows[i].x.data(), n * sizeof(float));
      if (n != 0 && z != nullptr) std::memcpy(z, rows[i].z.data(), n * sizeof(float));
      float* value = memory.y.Place<float>(1, layout);
      int64_t index = -2;
      const invar_reduce_args args = {n, x, z, value, &index};
      if (!c.Call(*kernel, kernel->call.reduce, args, layout)) return;
      memory.y.Take(value, 1, &found[i]);
      if (operation == "argmax") found[i] = static_cast<float>(index);  // exact: no row is that long
      if (!c.CheckGuards(*kernel, "", {&memory.y})) return;
    }
    if (!c.Compare(*kernel, "", found)) return;
  }
}

}  // namespace invar::adversarial
