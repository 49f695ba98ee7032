// Attention as a whole (runtime/kernels/operations.h): leaves, their tree, heads shared by queries, windows, cuts and
// threads, against the oracle's own tree over absolute positions.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/model/kv_cache.h"
#include "tests/kernels/cases.h"
#include "tests/oracle/operations.h"

namespace invar::testing {
namespace {

struct Case {
  size_t heads, kv_heads, d, window, positions;
  Values values;
};

class Sequence {
 public:
  Sequence(const Case& c, uint64_t seed) : c_(c) {
    Random random(seed);
    k_.resize(c.positions * c.kv_heads * c.d);
    v_.resize(k_.size());
    q_.resize(c.positions * c.heads * c.d);
    random.Fill(k_.data(), k_.size(), c.values);
    random.Fill(v_.data(), v_.size(), c.values);
    random.Fill(q_.data(), q_.size(), c.values);
  }

  std::vector<float> Expected(float scale) const {
    std::vector<float> y;
    for (size_t t = 0; t < c_.positions; ++t) {
      for (size_t h = 0; h < c_.heads; ++h) {
        const size_t group = h * c_.kv_heads / c_.heads;
        const auto row = [&](const std::vector<float>& x) {
          return [&x, group, this](size_t j) { return x.data() + (j * c_.kv_heads + group) * c_.d; };
        };
        const oracle::AttentionInput in = {c_.d, scale, q_.data() + (t * c_.heads + h) * c_.d, row(k_), row(v_), nullptr};
        const size_t begin = c_.window == 0 || t + 1 < c_.window ? 0 : t + 1 - c_.window;
        const oracle::Row out = oracle::Attention(in, begin, t + 1);
        y.insert(y.end(), out.begin(), out.end());
      }
    }
    return y;
  }

  Case c_;
  std::vector<float> k_, v_, q_;
};

// Feeds the sequences in pieces of `chunk` positions, all of them in one call where they have positions left.
std::vector<std::vector<float>> Attended(const Kernels& kernels, ThreadPool& pool, int threads,
                                         std::vector<Sequence>& sequences, float scale, size_t chunk) {
  const Case& c = sequences[0].c_;
  const AttentionShape shape = {c.heads, c.kv_heads, c.d, scale, c.window};
  Team team(pool, threads);
  Scratch packed;
  const Context context = {kernels, team, packed};
  std::vector<KvCache> caches;
  std::vector<std::vector<float>> y(sequences.size());
  size_t longest = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    caches.emplace_back(1, c.kv_heads, c.d);
    y[s].resize(sequences[s].q_.size());
    longest = std::max(longest, sequences[s].c_.positions);
  }
  for (size_t from = 0; from < longest; from += chunk) {
    std::vector<float> q, k, v;
    std::vector<AttentionSequence> parts;
    std::vector<size_t> owners;
    size_t rows = 0;
    for (size_t s = 0; s < sequences.size(); ++s) {
      if (from >= sequences[s].c_.positions) continue;
      const size_t count = std::min(chunk, sequences[s].c_.positions - from);
      const auto take = [&](std::vector<float>& to, const std::vector<float>& of, size_t width) {
        to.insert(to.end(), of.begin() + static_cast<ptrdiff_t>(from * width),
                  of.begin() + static_cast<ptrdiff_t>((from + count) * width));
      };
      take(q, sequences[s].q_, c.heads * c.d);
      take(k, sequences[s].k_, c.kv_heads * c.d);
      take(v, sequences[s].v_, c.kv_heads * c.d);
      caches[s].Reserve(from + count);
      parts.push_back({rows, count, from, caches[s].layer(0)});
      owners.push_back(s);
      rows += count;
    }
    const auto width = [](size_t w) { return static_cast<int64_t>(w); };
    for (const AttentionSequence& part : parts) {
      const size_t row = c.kv_heads * c.d;
      StoreKeysAndValues(context, shape, part, {k.data() + part.first_row * row, width(row)},
                         {v.data() + part.first_row * row, width(row)});
    }
    std::vector<float> out(rows * c.heads * c.d);
    Attention(context, shape, parts, {q.data(), width(c.heads * c.d)}, {out.data(), width(c.heads * c.d)});
    for (size_t i = 0; i < parts.size(); ++i) {
      const size_t row = c.heads * c.d;
      std::memcpy(y[owners[i]].data() + from * row, out.data() + parts[i].first_row * row, parts[i].rows * row * sizeof(float));
      caches[owners[i]].SetLength(from + parts[i].rows);
    }
  }
  return y;
}

class AttentionTest : public ::testing::TestWithParam<std::string> {};

TEST_P(AttentionTest, EqualsTheOracle) {
  const Kernels& kernels = Kernels::Of(GetParam());
  ThreadPool pool(4);
  const std::vector<Case> cases = {
      {1, 1, 8, 0, 5, Values::kNormal},      {4, 2, 16, 0, 40, Values::kNormal},  {6, 2, 17, 0, 70, Values::kNormal},
      {2, 1, 8, 0, 257, Values::kNormal},    {2, 2, 4, 0, 530, Values::kNormal},  {2, 1, 4, 0, 780, Values::kNormal},
      {3, 1, 8, 5, 60, Values::kNormal},     {2, 1, 4, 300, 620, Values::kNormal}, {2, 1, 4, 1, 300, Values::kNormal},
      {1, 1, 2, 600, 1100, Values::kNormal},  // leaves 1 to 3: which pair depends on their absolute index
      {4, 2, 8, 0, 40, Values::kSpecial},    {4, 2, 8, 0, 40, Values::kHuge},     {4, 2, 8, 0, 40, Values::kSubnormal},
      {4, 2, 8, 0, 290, Values::kCancelling}, {2, 1, 8, 0, 40, Values::kZeros},
      // Panels that no number of streams divides: those beyond the last must not continue another's chains a second time.
      {2, 1, 80, 0, 30, Values::kNormal},    {3, 3, 100, 0, 40, Values::kNormal}, {2, 2, 104, 20, 45, Values::kNormal},
      // More heads than threads take at once: runs of them, of which each knows what the next reads.
      {13, 13, 20, 0, 50, Values::kNormal},  {26, 13, 8, 0, 270, Values::kNormal}, {13, 13, 8, 40, 90, Values::kNormal}};
  size_t compared = 0, runs = 0;
  for (const Case& c : cases) {
    const float scale = 0.35355338f;
    std::vector<Sequence> sequences;
    sequences.emplace_back(c, 3);
    Case shorter = c;
    shorter.positions = c.positions / 2 + 1;
    sequences.emplace_back(shorter, 4);
    std::vector<std::vector<float>> expected;
    for (const Sequence& s : sequences) expected.push_back(s.Expected(scale));
    for (const size_t chunk : {c.positions, size_t{1}, size_t{7}, size_t{100}}) {
      if (chunk == 1 && c.positions > 300 && Scale() == 1) continue;
      for (const int threads : {1, 4}) {
        const std::vector<std::vector<float>> found = Attended(kernels, pool, threads, sequences, scale, chunk);
        ++runs;
        for (size_t s = 0; s < sequences.size(); ++s) {
          compared += found[s].size();
          ASSERT_EQ(std::memcmp(expected[s].data(), found[s].data(), found[s].size() * sizeof(float)), 0)
              << c.heads << " heads of " << c.d << ", window " << c.window << ", " << c.positions << " positions, chunk "
              << chunk << ", " << threads << " threads, values of kind " << static_cast<int>(c.values);
        }
      }
    }
  }
  std::printf("[ COMPARED ] %zu values with the oracle in %zu runs\n", compared, runs);
}

INSTANTIATE_TEST_SUITE_P(Isas, AttentionTest, ::testing::ValuesIn(SupportedIsas()),
                         [](const auto& isa) { return isa.param; });

}  // namespace
}  // namespace invar::testing
