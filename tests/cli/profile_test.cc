// invar generate --profile: what it prints adds up, and printing it changes no bit.
#include <cstdio>
#include <map>
#include <sstream>

#include "runtime/cli/profile_report.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

struct Table {
  size_t tokens = 0;
  double seconds = 0;
  struct Row {
    std::string calls;
    double seconds, percent;
  };
  std::map<std::string, Row> rows;
  double small = -1;  // percent
};

// The tables of a report, by phase.
std::map<std::string, Table> Parse(const std::string& text) {
  std::map<std::string, Table> tables;
  Table* table = nullptr;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    char phase[16] = "", calls[32] = "";
    Table::Row row;
    Table header;
    if (std::sscanf(line.c_str(), "profile of %15[a-z]: %zu tokens in %lf s", phase, &header.tokens, &header.seconds) == 3) {
      tables[phase] = header;
      table = &tables[phase];
    } else if (table != nullptr && line.rfind("  small operations", 0) == 0) {
      EXPECT_EQ(std::sscanf(line.c_str() + line.find("): ") + 3, "%lf", &table->small), 1) << line;
    } else if (table != nullptr && line.size() > 34 &&
               std::sscanf(line.c_str() + 34, "%31s %lf %lf", calls, &row.seconds, &row.percent) == 3) {
      row.calls = calls;
      table->rows[line.substr(2, line.find("  ", 2) - 2)] = row;
    }
  }
  return tables;
}

void ExpectAddsUp(const Table& table) {
  double percent = 0, seconds = 0;
  for (const auto& [name, row] : table.rows) {
    percent += row.percent;
    seconds += row.seconds;
  }
  // Each line is rounded to two decimals of a percent, and to microseconds.
  const double lines = static_cast<double>(table.rows.size());
  EXPECT_NEAR(percent, 100, 0.006 * lines);
  EXPECT_NEAR(seconds, table.seconds, 0.6e-6 * (lines + 1));
  EXPECT_GT(table.small, 0);
  EXPECT_LT(table.small, 100);
}

Outcome Generate(const std::string& model, const std::string& isa, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"generate", "-m",     ModelDir(model).string(), "-p", "ROMEO:\nBut soft", "-n", "9",
                                        "--isa",    isa,      "--temp",                 "0.9", "-s", "5",          "-t", "2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProgram(INVAR_PROGRAM, arguments);
}

TEST(Profile, EveryOperationOfBothPhasesIsThere) {
  const std::map<std::string, std::vector<std::string>> names = {
      {"gpt2", {"matmul attn.c_attn", "matmul attn.c_proj", "matmul mlp.c_fc", "matmul mlp.c_proj", "activation", "ln_1", "ln_2"}},
      {"qwen3", {"matmul q_proj", "matmul k_proj", "matmul v_proj", "matmul o_proj", "matmul gate_proj", "matmul up_proj",
                 "matmul down_proj", "swiglu", "input_layernorm", "post_attention_layernorm"}}};
  constexpr size_t kLayers = 4, kTokens = 9;
  for (const auto& [model, operations] : names) {
    const Outcome o = Generate(model, "", {"--profile"});
    ASSERT_EQ(o.code, 0) << o.err;
    const std::map<std::string, Table> tables = Parse(o.err);
    ASSERT_EQ(tables.size(), 2u) << o.err;
    for (const auto& [phase, table] : tables) {
      // The first token is chosen in prefill.
      const size_t passes = phase == "prefill" ? 1 : kTokens - 1;
      ExpectAddsUp(table);
      for (const std::string& name : operations) {
        ASSERT_TRUE(table.rows.contains(name)) << model << " " << phase << " lacks " << name << "\n" << o.err;
        EXPECT_EQ(table.rows.at(name).calls, std::to_string(passes * kLayers)) << model << " " << phase << " " << name;
      }
      for (const char* name : {"attention but for softmax", "softmax of attention (estimated)", "kv store"}) {
        ASSERT_TRUE(table.rows.contains(name)) << o.err;
        EXPECT_EQ(table.rows.at(name).calls, std::to_string(passes * kLayers)) << name;
      }
      for (const char* name : {"matmul head", "embedding", "sampling", "log-probability"}) {
        ASSERT_TRUE(table.rows.contains(name)) << o.err;
        EXPECT_EQ(table.rows.at(name).calls, std::to_string(passes)) << name;
      }
      EXPECT_TRUE(table.rows.contains("other")) << o.err;
    }
    EXPECT_EQ(tables.at("decode").tokens, kTokens - 1);
    EXPECT_EQ(tables.at("prefill").rows.contains("rope"), model == "qwen3");
  }
}

// A receipt holds the SHA-256 of the logits at every step; a profile computes activations, norms and rotations apart.
TEST(Profile, ChangesNoBit) {
  size_t compared = 0;
  for (const char* model : {"gpt2", "qwen3"}) {
    for (const std::string& isa : SupportedIsas()) {
      const TemporaryDirectory folder;
      const Outcome plain = Generate(model, isa, {"-q", "--receipt", (folder / "plain").string()});
      const Outcome profiled = Generate(model, isa, {"-q", "--profile", "--receipt", (folder / "profiled").string()});
      ASSERT_EQ(plain.code, 0) << plain.err;
      ASSERT_EQ(profiled.code, 0) << profiled.err;
      EXPECT_EQ(plain.err, "");
      EXPECT_EQ(plain.out, profiled.out);
      const std::string receipt = FileText(folder / "plain");
      EXPECT_NE(receipt.find("sha256"), std::string::npos) << receipt;
      EXPECT_EQ(receipt, FileText(folder / "profiled")) << model << " " << isa;
      ++compared;
    }
  }
  std::printf("%zu receipts of 9 steps each compared with those of profiled runs\n", compared);
  EXPECT_GE(compared, 2u);
}

TEST(Profile, ReportSharesAttentionOut) {
  Profile profile;
  profile.Add(ProfiledKind::kMatmul, "a", 600'000);
  profile.Add(ProfiledKind::kMatmul, "a", 100'000);
  profile.Add(ProfiledKind::kAttention, "attention", 200'000);
  profile.Add(ProfiledKind::kNorm, "n", 20'000);
  profile.AddAttentionWeights(100'000);
  // 100,000 weights of 1 ns on two threads: 50 of the 200 microseconds.
  const std::string report = cli::ProfileReport("prefill", 7, 1'000'000, profile, {1000, 2});
  const std::map<std::string, Table> tables = Parse(report);
  ASSERT_TRUE(tables.contains("prefill")) << report;
  const Table& table = tables.at("prefill");
  ExpectAddsUp(table);
  EXPECT_EQ(table.tokens, 7u);
  EXPECT_EQ(table.rows.at("matmul a").calls, "2");
  EXPECT_DOUBLE_EQ(table.rows.at("matmul a").percent, 70);
  EXPECT_DOUBLE_EQ(table.rows.at("attention but for softmax").percent, 15);
  EXPECT_DOUBLE_EQ(table.rows.at("softmax of attention (estimated)").percent, 5);
  EXPECT_DOUBLE_EQ(table.rows.at("other").percent, 8);
  EXPECT_DOUBLE_EQ(table.small, 7);
}

}  // namespace
}  // namespace invar::testing
