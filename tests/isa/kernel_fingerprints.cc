// The corpus of the kernels: lengths around every leaf and tile edge, values of every hard kind.
#include <algorithm>
#include <cstring>
#include <map>

#include "invar/kernels.h"
#include "runtime/base/bits.h"
#include "runtime/base/sha256.h"
#include "tests/functions/hard_arguments.h"
#include "tests/isa/fingerprints.h"
#include "tests/support/values.h"

namespace invar::testing {
namespace {

constexpr size_t kLengths[] = {0, 1, 2, 3, 15, 16, 17, 31, 33, 64, 97, 255, 256, 257, 271, 511, 512, 513, 769, 1021};
// Rows of a matmul problem: no multiple of most tiles'.
constexpr size_t kRows = 17;

std::vector<float> Filled(Random& random, size_t n, Values values) {
  std::vector<float> x(n);
  random.Fill(x.data(), n, values);
  return x;
}

using Kernels = std::vector<const invar_kernel*>;  // of one operation and type

// What one way of computing the corpus gave.
using Results = std::vector<float>;

// ---- matmul: each tile takes the rows of a problem as often as it fits; shorter tiles take what is left. A tile of more rows than the
// problem has takes them once, with rows that are nobody's.

Results Matmul(const Kernels& kernels, const invar_kernel& tile) {
  Results results;
  Random random(101);
  const bool f32 = std::string(tile.type) == "f32";
  size_t round = 0;
  const size_t height = std::max<size_t>(kRows, tile.rows);
  for (const size_t k : kLengths) {
    for (const Values values : {kAllValues[round % 6], kAllValues[(round + 1) % 6]}) {
      const size_t n = std::vector<size_t>{1, 16, 17, 33, 48}[round++ % 5];
      std::vector<float> x = Filled(random, kRows * k, values);
      const std::vector<float> bias = Filled(random, n, values);
      std::vector<float> residual = Filled(random, kRows * n, values);
      x.resize(height * k, 0.5f);
      residual.resize(height * n, 0.5f);
      std::vector<float> w(n * k);
      std::vector<uint16_t> narrow(n * k);
      for (size_t i = 0; i < n * k; ++i) {
        w[i] = random.Value(values);
        const uint32_t bits = BitCast<uint32_t>(w[i]);
        narrow[i] = static_cast<uint16_t>(std::string(tile.type) == "bf16" ? bits >> 16 : random.Bits());
      }
      const size_t packed = invar_packed_size(n, k);
      std::vector<float> wide_panels(f32 ? packed : 0);
      std::vector<uint16_t> narrow_panels(f32 ? 0 : packed);
      const invar_type type = f32 ? INVAR_F32 : std::string(tile.type) == "bf16" ? INVAR_BF16 : INVAR_F16;
      void* panels = f32 ? static_cast<void*>(wide_panels.data()) : narrow_panels.data();
      const void* source = f32 ? static_cast<const void*>(w.data()) : narrow.data();
      invar_pack_panels(type, n, k, source, static_cast<int64_t>(k), 1, 0, (n + 15) / 16, panels);
      std::vector<float> y(height * n, -1.0f);
      for (size_t first = 0; first < height;) {
        const invar_kernel* use = &tile;
        while (use->rows > height - first) {
          use = *std::find_if(kernels.begin(), kernels.end(), [&](const invar_kernel* other) { return other->rows + 1 == use->rows; });
        }
        std::vector<float> lhs(use->rows * k);
        invar_pack_rows(use->rows, k, x.data() + first * k, static_cast<int64_t>(k), lhs.data());
        invar_matmul_args a = {};
        a.k = k;
        a.n = n;
        a.panel_end = (n + 15) / 16;
        a.lhs = lhs.data();
        a.rhs = panels;
        a.bias = round % 3 == 0 ? nullptr : bias.data();
        a.residual = round % 4 == 0 ? residual.data() + first * n : nullptr;
        a.residual_stride = static_cast<int64_t>(n);
        a.dst = y.data() + first * n;
        a.dst_stride = static_cast<int64_t>(n);
        a.activation = static_cast<invar_activation>(round % 7);
        use->call.matmul(&a);
        first += use->rows;
      }
      results.insert(results.end(), y.begin(), y.begin() + static_cast<ptrdiff_t>(kRows * n));
    }
  }
  return results;
}

// ---- elementwise

// A share of all 2^32 arguments, evenly spread, and every argument that is known to be hard to round or at an edge.
Results Map(const invar_kernel& kernel) {
  Random random(202);
  std::vector<float> x, z;
  for (uint64_t i = 0; i < 65536; ++i) {
    const uint32_t bits = static_cast<uint32_t>(i * 65537 + 11);
    x.push_back(BitCast<float>(bits));
  }
  for (const uint32_t bits : functions_test::NamedArguments(32, 4)) x.push_back(BitCast<float>(bits));
  for (const Values values : kAllValues) {
    for (size_t i = 0; i < 1000; ++i) x.push_back(random.Value(values));
  }
  for (size_t i = 0; i < x.size(); ++i) z.push_back(random.Value(kAllValues[i % 6]));
  Results y(x.size());
  invar_map_args a = {x.size(), x.data(), z.data(), y.data()};
  kernel.call.map(&a);
  for (const size_t n : kLengths) {  // tails
    Results part(n);
    a = {n, x.data() + 7, z.data() + 3, part.data()};
    kernel.call.map(&a);
    y.insert(y.end(), part.begin(), part.end());
  }
  return y;
}

// ---- rows and reductions

Results Rows(const invar_kernel& kernel) {
  Results results;
  Random random(303);
  const bool one_value = std::string(kernel.operation) == "log_sum_exp";
  for (const size_t n : kLengths) {
    if (n == 0) continue;
    for (const Values values : kAllValues) {
      const std::vector<float> x = Filled(random, 3 * n, values), gain = Filled(random, n, values), bias = Filled(random, n, values);
      for (const bool biased : {false, true}) {
        std::vector<float> y(one_value ? 3 : 3 * n);
        invar_rows_args a = {};
        a.rows = 3;
        a.n = n;
        a.x = x.data();
        a.x_stride = static_cast<int64_t>(n);
        a.gain = gain.data();
        a.bias = biased ? bias.data() : nullptr;
        a.epsilon = 1e-5f;
        a.y = y.data();
        a.y_stride = one_value ? 1 : static_cast<int64_t>(n);
        kernel.call.rows_(&a);
        results.insert(results.end(), y.begin(), y.end());
      }
    }
  }
  return results;
}

Results Reduce(const invar_kernel& kernel) {
  Results results;
  Random random(404);
  for (size_t n : kLengths) {
    for (const Values values : kAllValues) {
      for (const size_t longer : {0, 4096}) {
        const size_t count = n + longer;
        const std::vector<float> x = Filled(random, count, values), z = Filled(random, count, values);
        float value = 0;
        int64_t index = 0;
        invar_reduce_args a = {count, x.data(), z.data(), &value, &index};
        kernel.call.reduce(&a);
        results.push_back(value);
        results.push_back(static_cast<float>(index));
      }
    }
  }
  return results;
}

Results Rope(const invar_kernel& kernel) {
  Results results;
  Random random(505);
  for (const size_t dimension : {2, 6, 16, 30, 64, 128}) {
    for (const Values values : kAllValues) {
      for (const int32_t interleaved : {0, 1}) {
        std::vector<float> x = Filled(random, 2 * 3 * dimension, values);
        const std::vector<float> cosine = Filled(random, dimension, values), sine = Filled(random, dimension, values);
        invar_rope_args a = {2, 3, dimension, x.data(), static_cast<int64_t>(3 * dimension), static_cast<int64_t>(dimension),
                             cosine.data(), sine.data(), interleaved};
        kernel.call.rope(&a);
        results.insert(results.end(), x.begin(), x.end());
      }
    }
  }
  return results;
}

Results Embedding(const invar_kernel& kernel) {
  Results results;
  Random random(606);
  for (const size_t n : kLengths) {
    for (const Values values : kAllValues) {
      const std::vector<float> position = Filled(random, n, values);
      for (const int64_t stride : {1, 16}) {
        std::vector<float> wide(n * static_cast<size_t>(stride) + 1);
        std::vector<uint16_t> narrow(wide.size());
        random.Fill(wide.data(), wide.size(), values);
        for (uint16_t& bits : narrow) bits = static_cast<uint16_t>(random.Bits());
        std::vector<float> y(n);
        invar_embedding_args a = {n, std::string(kernel.type) == "f32" ? static_cast<const void*>(wide.data()) : narrow.data(),
                                  stride, n % 2 == 0 ? position.data() : nullptr, y.data()};
        kernel.call.embedding(&a);
        results.insert(results.end(), y.begin(), y.end());
      }
    }
  }
  return results;
}

// ---- attention

Results AttentionLeaf(const invar_kernel& kernel) {
  Results results;
  Random random(707);
  size_t round = 0;
  for (const size_t d : {16, 24, 64, 80, 128, 257}) {
    for (const Values values : kAllValues) {
      const size_t rows = 1 + round++ * 5 % 13, panels = (d + 15) / 16;
      const std::vector<float> q = Filled(random, rows * d, values), keys = Filled(random, INVAR_LEAF * d, values);
      const std::vector<float> v = Filled(random, panels * INVAR_LEAF * INVAR_PANEL, values);
      const std::vector<float> bias = Filled(random, rows * INVAR_LEAF, values);
      std::vector<uint32_t> begin(rows), end(rows);
      for (size_t r = 0; r < rows; ++r) {
        begin[r] = random.Below(3) == 0 ? static_cast<uint32_t>(random.Below(INVAR_LEAF)) : 0;
        end[r] = static_cast<uint32_t>(random.Below(INVAR_LEAF + 1));
      }
      std::vector<float> m(rows), l(rows), o(rows * d), workspace(invar_attention_workspace(rows, d));
      invar_attention_leaf_args a = {};
      a.rows = rows;
      a.d = d;
      a.scale = 0.125f;
      a.q = q.data();
      a.q_stride = static_cast<int64_t>(d);
      a.keys = keys.data();
      a.values = v.data();
      a.bias = round % 2 == 0 ? bias.data() : nullptr;
      a.bias_stride = INVAR_LEAF;
      a.begin = begin.data();
      a.end = end.data();
      a.m = m.data();
      a.l = l.data();
      a.o = o.data();
      a.o_stride = static_cast<int64_t>(d);
      a.workspace = workspace.data();
      kernel.call.attention_leaf(&a);
      results.insert(results.end(), m.begin(), m.end());
      results.insert(results.end(), l.begin(), l.end());
      results.insert(results.end(), o.begin(), o.end());
    }
  }
  return results;
}

Results AttentionMerge(const invar_kernel& kernel) {
  Results results;
  Random random(808);
  for (const size_t d : {1, 16, 24, 64, 129}) {
    for (const Values values : kAllValues) {
      const size_t rows = 40;
      std::vector<float> m = Filled(random, rows, values), l = Filled(random, rows, values), o = Filled(random, rows * d, values);
      std::vector<float> m2 = Filled(random, rows, values);
      const std::vector<float> l2 = Filled(random, rows, values), o2 = Filled(random, rows * d, values);
      std::vector<uint8_t> flags(rows);
      for (size_t r = 0; r < rows; ++r) {
        flags[r] = random.Below(4) != 0;
        if (random.Below(4) == 0) m2[r] = m[r];
      }
      invar_attention_merge_args a = {rows, d, flags.data(), m.data(), l.data(), o.data(), m2.data(), l2.data(), o2.data(), static_cast<int64_t>(d)};
      kernel.call.attention_merge(&a);
      for (const auto* part : {&m, &l, &o}) results.insert(results.end(), part->begin(), part->end());
    }
  }
  return results;
}

Results AttentionFinish(const invar_kernel& kernel) {
  Results results;
  Random random(909);
  for (const size_t d : {1, 16, 24, 64, 129}) {
    for (const Values values : kAllValues) {
      const std::vector<float> l = Filled(random, 9, values), o = Filled(random, 9 * d, values);
      std::vector<float> y(9 * d);
      invar_attention_finish_args a = {9, d, l.data(), o.data(), static_cast<int64_t>(d), y.data(), static_cast<int64_t>(d)};
      kernel.call.attention_finish(&a);
      results.insert(results.end(), y.begin(), y.end());
    }
  }
  return results;
}

Results Compute(const Kernels& kernels, const invar_kernel& kernel) {
  switch (kernel.family) {
    case INVAR_FAMILY_MATMUL: return Matmul(kernels, kernel);
    case INVAR_FAMILY_MAP: return Map(kernel);
    case INVAR_FAMILY_ROWS: return Rows(kernel);
    case INVAR_FAMILY_REDUCE: return Reduce(kernel);
    case INVAR_FAMILY_ROPE: return Rope(kernel);
    case INVAR_FAMILY_EMBEDDING: return Embedding(kernel);
    case INVAR_FAMILY_ATTENTION_LEAF: return AttentionLeaf(kernel);
    case INVAR_FAMILY_ATTENTION_MERGE: return AttentionMerge(kernel);
    case INVAR_FAMILY_ATTENTION_FINISH: return AttentionFinish(kernel);
  }
  return {};
}

}  // namespace

std::vector<NamedFingerprint> KernelFingerprints(const std::string& isa, Tally& tally, const OnValues& on_values) {
  size_t count = 0;
  const invar_kernel* all = invar_kernels(&count);
  std::map<std::string, Kernels> operations;
  for (size_t i = 0; i < count; ++i) {
    if (isa == all[i].isa) operations[std::string(all[i].operation) + "/" + all[i].type].push_back(&all[i]);
  }
  std::vector<NamedFingerprint> fingerprints;
  for (const auto& [name, kernels] : operations) {
    Results first;
    for (const invar_kernel* kernel : kernels) {
      Results results = Compute(kernels, *kernel);
      if (first.empty()) {
        first = std::move(results);
        tally.values += first.size();
        continue;
      }
      tally.compared += results.size();
      const bool same = results.size() == first.size() && std::memcmp(first.data(), results.data(), first.size() * sizeof(float)) == 0;
      if (!same && tally.unequal.empty()) tally.unequal = isa + ", " + name + ": tile " + kernel->tile + " differs from " + kernels[0]->tile;
    }
    if (on_values) on_values("kernel " + name, first);
    fingerprints.push_back({"kernel " + name, Fingerprint(first.data(), first.size())});
  }
  return fingerprints;
}

}  // namespace invar::testing
