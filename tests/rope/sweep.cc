#include "tests/rope/sweep.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "runtime/base/file.h"
#include "runtime/kernels/operations.h"
#include "runtime/model/config.h"
#include "tests/functions/reference.h"
#include "tests/rope/exact_reference.h"

namespace invar::rope_test {
namespace {

using Kind = RopeParameters::Kind;

RopeParameters Plain(double theta, uint32_t dimension) {
  RopeParameters p;
  p.theta = theta;
  p.dimension = dimension;
  return p;
}

RopeParameters Scaled(Kind kind, double theta, uint32_t dimension, double factor, double original) {
  RopeParameters p = Plain(theta, dimension);
  p.kind = kind;
  p.factor = factor;
  p.original_max_position_embeddings = original;
  return p;
}

std::string Text(const char* kind, double theta, uint32_t dimension, double factor) {
  char text[120];
  snprintf(text, sizeof(text), "%s theta %g d %u factor %g", kind, theta, dimension, factor);
  return text;
}

// position * frequency rounded once: the product of 20 and 24 bits is exact in binary64.
float Angle(uint32_t position, float frequency) {
  return static_cast<float>(static_cast<double>(position) * static_cast<double>(frequency));
}

// The same for what a cosine or sine is multiplied with: 24 and 24 bits.
float Times(uint32_t bits, float factor) {
  return static_cast<float>(static_cast<double>(std::bit_cast<float>(bits)) * static_cast<double>(factor));
}

}  // namespace

std::vector<Published> PublishedParameters() {
  std::vector<Published> all;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(INVAR_SOURCE_DIR "/tests/model/published_configs")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    const ModelConfig config = ModelConfig::Parse(ReadWholeFile(path, 1 << 20), path.string());
    if (config.architecture != Architecture::kGpt2) all.push_back({path.stem().string(), config.rope});
  }
  // Llama 2, GPT-OSS, Llama 3, Qwen and Mistral, Qwen's longer and newest ones; heads of Qwen2.5-0.5B, of Llama 3.2, of
  // smaller and of wider models, and the 32 of rotations that cover part of a head.
  const uint32_t dimensions[] = {32, 48, 64, 80, 96, 112, 128, 160, 192, 256};
  for (const double theta : {1e4, 1.5e5, 5e5, 1e6, 5e6, 8e6, 1e7}) {
    for (const uint32_t d : dimensions) all.push_back({Text("default", theta, d, 1), Plain(theta, d)});
  }
  for (const double factor : {2.0, 2.5, 4.0, 8.0, 16.0}) {
    for (const uint32_t d : {64u, 80u, 96u, 128u}) {
      all.push_back({Text("linear", 1e4, d, factor), Scaled(Kind::kLinear, 1e4, d, factor, 4096)});
    }
  }
  // Qwen2.5's and Qwen3's; YaRN's own Llama 2 models; GPT-OSS's, without truncation; DeepSeek-V2's and V3's, with mscale.
  for (const double original : {32768.0, 40960.0, 262144.0}) {
    for (const double factor : {2.0, 4.0}) {
      for (const uint32_t d : {64u, 128u}) {
        all.push_back({Text("yarn", 1e6, d, factor), Scaled(Kind::kYarn, 1e6, d, factor, original)});
      }
    }
  }
  for (const double factor : {16.0, 32.0}) {
    all.push_back({Text("yarn", 1e4, 128, factor), Scaled(Kind::kYarn, 1e4, 128, factor, 4096)});
  }
  Published oss{Text("yarn, not truncated,", 1.5e5, 64, 32), Scaled(Kind::kYarn, 1.5e5, 64, 32, 4096)};
  oss.parameters.truncate = false;
  all.push_back(oss);
  for (const auto& [mscale, mscale_all_dim] : {std::pair{0.707, 0.707}, std::pair{1.0, 1.0}, std::pair{1.0, 0.707}}) {
    Published deepseek{Text("yarn, mscale,", 1e4, 64, 40), Scaled(Kind::kYarn, 1e4, 64, 40, 4096)};
    deepseek.parameters.mscale = mscale;
    deepseek.parameters.mscale_all_dim = mscale_all_dim;
    all.push_back(deepseek);
  }
  for (const double factor : {8.0, 32.0}) {
    for (const uint32_t d : {64u, 128u}) {
      all.push_back({Text("llama3", 5e5, d, factor), Scaled(Kind::kLlama3, 5e5, d, factor, 8192)});
    }
  }
  return all;
}

size_t Frequencies::distinct() const {
  size_t n = 0;
  for (const Group& group : groups) n += group.values.size();
  return n;
}

Frequencies CheckFrequencies(const std::vector<Published>& all,
                             const std::function<std::vector<float>(const RopeParameters&)>& frequencies) {
  Frequencies result;
  std::map<float, std::set<float>> distinct;
  for (const Published& published : all) {
    const RopeParameters& p = published.parameters;
    if (const char* refused = CheckRopeParameters(p)) throw std::runtime_error(published.name + ": " + refused);
    const std::vector<float> values = frequencies(p);
    if (values.size() != p.dimension / 2) throw std::runtime_error(published.name + ": not d / 2 frequencies");
    for (uint32_t i = 0; i < values.size(); ++i, ++result.compared) {
      if (std::bit_cast<uint32_t>(values[i]) != std::bit_cast<uint32_t>(Frequency(p, i).Round())) {
        result.wrong.push_back(published.name + ", frequency " + std::to_string(i));
      }
    }
    distinct[RopeAttentionFactor(p)].insert(values.begin(), values.end());
  }
  for (const auto& [factor, values] : distinct) result.groups.push_back({factor, {values.begin(), values.end()}});
  return result;
}

Tables CheckTables(const std::string& isa, const std::vector<Frequencies::Group>& groups, size_t count,
                   const std::function<uint32_t(size_t)>& position, int threads,
                   const std::function<decltype(RotaryTables)>& make_tables) {
  using functions_test::Function;
  constexpr size_t kRows = 256;
  const Kernels& kernels = Kernels::Of(isa);
  Tables total;
  std::mutex mutex;
  size_t next = 0;
  const auto work = [&] {
    ThreadPool pool(1);
    Team team(pool, 1);
    Scratch packed;
    const Context context{kernels, team, packed};
    for (;;) {
      size_t first, rows;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        first = next;
        rows = std::min(kRows, count - first);
        next += rows;
      }
      if (rows == 0) return;
      std::vector<uint32_t> positions(rows);
      for (size_t r = 0; r < rows; ++r) positions[r] = position(first + r);
      Tables part;
      for (const Frequencies::Group& group : groups) {
        const size_t n = group.values.size();
        std::vector<float> cosines(rows * n), sines(rows * n);
        const Rows cosine{cosines.data(), static_cast<int64_t>(n)}, sine{sines.data(), static_cast<int64_t>(n)};
        make_tables(context, rows, positions.data(), n, group.values.data(), group.attention_factor, cosine, sine);
        for (size_t r = 0; r < rows; ++r) {
          for (size_t i = 0; i < n; ++i, ++part.compared) {
            const uint32_t angle = std::bit_cast<uint32_t>(Angle(positions[r], group.values[i]));
            const float c = Times(Reference(Function::kCos, angle, &part.asked_mpfr), group.attention_factor);
            const float s = Times(Reference(Function::kSin, angle, &part.asked_mpfr), group.attention_factor);
            if (std::bit_cast<uint32_t>(c) == std::bit_cast<uint32_t>(cosine.row(r)[i]) &&
                std::bit_cast<uint32_t>(s) == std::bit_cast<uint32_t>(sine.row(r)[i])) {
              continue;
            }
            if (part.wrong++ == 0) {
              char text[160];
              snprintf(text, sizeof(text), "position %u, frequency %a, attention factor %a", positions[r],
                       static_cast<double>(group.values[i]), static_cast<double>(group.attention_factor));
              part.first_wrong = text;
            }
          }
        }
      }
      const std::lock_guard<std::mutex> lock(mutex);
      total.compared += part.compared;
      total.asked_mpfr += part.asked_mpfr;
      total.wrong += part.wrong;
      if (total.first_wrong.empty()) total.first_wrong = part.first_wrong;
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  return total;
}

}  // namespace invar::rope_test
