// map, embedding, rope: each value, or pair of values, on its own.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/adversarial/case.h"
#include "tests/adversarial/halfway.h"
#include "tests/oracle/arithmetic.h"
#include "tests/oracle/by_name.h"
#include "tests/oracle/operations.h"

namespace invar::adversarial {

void RunMap(Case& c) {
  Random& r = c.random;
  const uint32_t operands = c.operation.kernels[0]->operands;
  const size_t n = DrawLength(r, 1400);
  const Kind kind = DrawKind(r), second = r.Below(2) == 0 ? kind : DrawKind(r);
  std::vector<float> x(n), z(n);
  Fill(r, kind, x.data(), n);
  Fill(r, second, z.data(), n);
  c.description = std::to_string(n) + " values '" + Name(kind) + "'" + (operands == 2 ? std::string(" and '") + Name(second) + "'" : "");
  const auto oracle = oracle::MapOracles().find(c.operation.operation());
  std::vector<float> expected(n);
  std::vector<uint8_t> known(n, oracle::kHasFunctions && oracle != oracle::MapOracles().end());
  for (size_t i = 0; i < n && known[i] != 0; ++i) expected[i] = oracle::Stored(oracle->second(x[i], z[i]));
  c.Expect(std::move(expected), std::move(known));

  Memory& memory = c.memory;
  std::vector<float> found(n);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    static constexpr const char* ways[] = {"", "y is x", "y is z"};
    for (size_t way = 0; way < 1 + operands; ++way) {
      float* at_x = memory.x.Place<float>(n, layout);
      float* at_z = operands == 2 ? memory.z.Place<float>(n, layout) : nullptr;
      float* y = way == 0 ? memory.y.Place<float>(n, layout) : way == 1 ? at_x : at_z;
      if (n != 0) std::memcpy(at_x, x.data(), n * sizeof(float));
      if (n != 0 && at_z != nullptr) std::memcpy(at_z, z.data(), n * sizeof(float));
      const invar_map_args args = {n, at_x, at_z, y};
      if (!c.Call(*kernel, kernel->call.map, args, layout)) return;
      Region& region = way == 0 ? memory.y : way == 1 ? memory.x : memory.z;
      region.Take(y, n, found.data());
      if (!c.CheckGuards(*kernel, ways[way], {&region}) || !c.Compare(*kernel, ways[way], found)) return;
    }
  }
}

void RunEmbedding(Case& c) {
  Random& r = c.random;
  const std::string type = c.operation.type();
  const size_t size = type == "f32" ? 4 : 2, n = DrawLength(r, 1400);
  const Kind kind = DrawKind(r), second = DrawKind(r);
  std::vector<float> wide(n), position(n), expected(n);
  std::vector<uint16_t> narrow(n);
  Fill(r, kind, wide.data(), n);
  Fill(r, second, position.data(), n);
  const bool add = r.Below(3) != 0, partners = add && r.Below(4) == 0;
  for (size_t i = 0; i < n; ++i) {
    if (type != "f32") {
      narrow[i] = type == "bf16" && r.Below(2) == 0 ? static_cast<uint16_t>(oracle::Bits(wide[i]) >> 16) : static_cast<uint16_t>(r.Bits());
      wide[i] = type == "bf16" ? oracle::WidenBf16(narrow[i]) : oracle::WidenF16(narrow[i]);
    }
    if (partners && r.Below(2) == 0) position[i] = -wide[i];
    expected[i] = oracle::Stored(add ? wide[i] + position[i] : wide[i]);
  }
  c.description = std::to_string(n) + " values '" + Name(kind) + "'" + (add ? std::string(" and positions '") + Name(second) + "'" : "");
  c.Expect(std::move(expected));

  Memory& memory = c.memory;
  std::vector<float> found(n);
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    static constexpr size_t steps[] = {1, 16, 3};
    const size_t step = steps[layout.Below(3)], elements = n == 0 ? 0 : (n - 1) * step + 1;
    // "Any alignment": an odd address too.
    char* bytes = memory.x.Place<char>(elements * size, layout);
    for (size_t i = 0; i < n; ++i) {
      std::memcpy(bytes + i * step * size, size == 4 ? static_cast<const void*>(&wide[i]) : &narrow[i], size);
    }
    float* at_position = memory.z.Place<float>(n, layout);
    if (n != 0) std::memcpy(at_position, position.data(), n * sizeof(float));
    float* y = memory.y.Place<float>(n, layout);
    const invar_embedding_args args = {n, bytes, static_cast<int64_t>(step), add ? at_position : nullptr, y};
    if (!c.Call(*kernel, kernel->call.embedding, args, layout)) return;
    memory.y.Take(y, n, found.data());
    if (!c.CheckGuards(*kernel, "", {&memory.y}) || !c.Compare(*kernel, "", found)) return;
  }
}

void RunRope(Case& c) {
  Random& r = c.random;
  static constexpr size_t dimensions[] = {2, 4, 6, 14, 16, 18, 30, 32, 34, 62, 64, 66, 80, 96, 128, 130, 256};
  const size_t dimension = dimensions[r.Below(std::size(dimensions))], half = dimension / 2;
  const size_t rows = 1 + r.Below(3), heads = 1 + r.Below(4), vectors = rows * heads;
  const bool interleaved = r.Below(2) == 0, halfway = r.Below(3) == 0;
  const Kind kind = DrawKind(r), angles = r.Below(2) == 0 ? Kind::kNormal : DrawKind(r);
  std::vector<float> x(vectors * dimension), cosine(rows * half), sine(rows * half);
  Fill(r, kind, x.data(), x.size());
  Fill(r, angles, cosine.data(), cosine.size());
  Fill(r, angles, sine.data(), sine.size());
  if (halfway) {
    // x1 cos beside half a unit of x2 sin, or x1 cos in the middle and x2 sin next to nothing.
    for (size_t i = 0; i < vectors * half; ++i) {
      const size_t v = i / half, j = i % half, row = v / heads;
      float& x1 = x[v * dimension + (interleaved ? 2 * j : j)];
      float& x2 = x[v * dimension + (interleaved ? 2 * j + 1 : j + half)];
      Product p;
      if (r.Below(2) == 0) {
        const float fraction = r.Uniform(1, 2);
        x2 = std::ldexp(fraction, static_cast<int>(r.Below(20)) - 10);
        p = BesideHalfUnit(r, x2, 24, 0);
      } else {
        x2 = r.Below(2) == 0 ? 0x1p-100f : -0x1p-149f;
        p = Middle(r, 24, 0);
      }
      x1 = p.a;
      cosine[row * half + j] = p.b;
      sine[row * half + j] = r.Below(2) == 0 ? 1.0f : -1.0f;
    }
  }
  c.description = std::to_string(rows) + " rows of " + std::to_string(heads) + " heads of " + std::to_string(dimension) +
                  (interleaved ? ", interleaved" : "") + (halfway ? ", halfway cases" : std::string(", '") + Name(kind) + "', angles '" + Name(angles) + "'");
  std::vector<float> expected = x;
  for (size_t v = 0; v < vectors; ++v) {
    oracle::Rope(expected.data() + v * dimension, dimension, cosine.data() + v / heads * half, sine.data() + v / heads * half, interleaved);
  }
  c.Expect(std::move(expected));

  Memory& memory = c.memory;
  std::vector<float> found(x.size());
  for (const invar_kernel* kernel : c.operation.kernels) {
    Random layout = c.Layout(*kernel);
    const size_t head_stride = dimension + layout.Below(2) * layout.Below(20);
    const size_t row_stride = heads * head_stride + layout.Below(20);
    float* at_x = memory.x.Place<float>((rows - 1) * row_stride + (heads - 1) * head_stride + dimension, layout);
    float* at_cosine = memory.z.Place<float>(cosine.size(), layout);
    float* at_sine = memory.other.Place<float>(sine.size(), layout);
    std::memcpy(at_cosine, cosine.data(), cosine.size() * sizeof(float));
    std::memcpy(at_sine, sine.data(), sine.size() * sizeof(float));
    const auto head = [&](size_t v) { return at_x + v / heads * row_stride + v % heads * head_stride; };
    for (size_t v = 0; v < vectors; ++v) std::memcpy(head(v), x.data() + v * dimension, dimension * sizeof(float));
    const invar_rope_args args = {rows, heads, dimension, at_x, static_cast<int64_t>(row_stride), static_cast<int64_t>(head_stride),
                                  at_cosine, at_sine, interleaved ? 1 : 0};
    if (!c.Call(*kernel, kernel->call.rope, args, layout)) return;
    for (size_t v = 0; v < vectors; ++v) memory.x.Take(head(v), dimension, found.data() + v * dimension);
    if (!c.CheckGuards(*kernel, "", {&memory.x}) || !c.Compare(*kernel, "", found)) return;
  }
}

}  // namespace invar::adversarial
