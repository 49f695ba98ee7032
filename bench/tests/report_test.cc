// Quartiles, comparisons and charts of the benchmarks: what is said of measurements, from measurements that are given.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "bench/compare.h"
#include "bench/goals.h"
#include "bench/results.h"
#include "bench/svg.h"
#include "runtime/base/error.h"

namespace invar::bench {
namespace {

using nlohmann::ordered_json;

TEST(Spread, IsTheMedianBetweenQuartiles) {
  const Spread s = SpreadOf({5, 1, 4, 2, 3});
  EXPECT_EQ(s.median, 3);
  EXPECT_EQ(s.q1, 2);
  EXPECT_EQ(s.q3, 4);
  EXPECT_EQ(s.count, 5u);
  const Spread even = SpreadOf({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(even.median, 2.5);
  EXPECT_DOUBLE_EQ(even.q1, 1.75);
  EXPECT_DOUBLE_EQ(even.q3, 3.25);
  EXPECT_EQ(SpreadOf({7}).median, 7);
  EXPECT_EQ(SpreadOf({}).count, 0u);
}

ordered_json Figure(const std::string& name, double median, double q1, double q3, const std::string& better = "more",
                    const std::string& unit = "percent") {
  return {{"name", name}, {"unit", unit}, {"better", better}, {"figure", {{"median", median}, {"q1", q1}, {"q3", q3}}}};
}

ordered_json DocumentOf(std::vector<ordered_json> figures) { return {{"figures", std::move(figures)}}; }

const Change& Find(const Comparison& c, const std::string& name) {
  return *std::find_if(c.changes.begin(), c.changes.end(), [&](const Change& change) { return change.name == name; });
}

TEST(Compare, SaysWhichChangesExceedTheNoiseOfBoth) {
  const Comparison c = Compare(
      DocumentOf({Figure("up", 80, 79, 81), Figure("down", 80, 79, 81), Figure("within", 80, 78, 82),
                  Figure("time", 10, 9.9, 10.1, "less", "second"),
                  Figure("gone", 1, 1, 1), Figure("unit", 1, 1, 1), Figure("same", 5, 5, 5)}),
      "old",
      DocumentOf({Figure("up", 90, 89, 91), Figure("down", 70, 69, 71), Figure("within", 83, 81, 85),
                  Figure("time", 8, 7.9, 8.1, "less", "second"),
                  Figure("unit", 1, 1, 1, "more", "second"), Figure("same", 5, 5, 5), Figure("came", 1, 1, 1)}),
      "new");
  ASSERT_EQ(c.changes.size(), 5u);
  EXPECT_TRUE(Find(c, "up").exceeds_noise);
  EXPECT_TRUE(Find(c, "up").better);
  EXPECT_DOUBLE_EQ(Find(c, "up").percent, 12.5);
  EXPECT_DOUBLE_EQ(Find(c, "up").old_noise, 1.25);
  EXPECT_TRUE(Find(c, "down").exceeds_noise);
  EXPECT_FALSE(Find(c, "down").better);
  // 3 is less than half of 4 and half of 4 together.
  EXPECT_FALSE(Find(c, "within").exceeds_noise);
  // Less is better: a shorter time is.
  EXPECT_TRUE(Find(c, "time").exceeds_noise);
  EXPECT_TRUE(Find(c, "time").better);
  EXPECT_FALSE(Find(c, "same").exceeds_noise);
  EXPECT_EQ(c.only_old, (std::vector<std::string>{"gone", "unit"}));
  EXPECT_EQ(c.only_new, (std::vector<std::string>{"unit", "came"}));
  const std::string text = TextOf(c);
  EXPECT_NE(text.find("5 figures compared: 2 better and 1 worse beyond the noise of both, 2 within it"), std::string::npos) << text;
  EXPECT_NE(text.find("WORSE, beyond noise"), std::string::npos) << text;
}

TEST(Compare, RefusesADocumentWithoutWhatItNeeds) {
  const ordered_json good = DocumentOf({Figure("a", 1, 1, 1)});
  const auto message = [&](ordered_json figure) -> std::string {
    try {
      Compare(good, "old.json", DocumentOf({std::move(figure)}), "new.json");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(Figure("a", 1, 1, 1)), "");
  for (const char* field : {"name", "unit", "better", "figure"}) {
    ordered_json broken = Figure("a", 1, 1, 1);
    broken.erase(field);
    EXPECT_NE(message(broken).find("new.json"), std::string::npos) << field;
    EXPECT_NE(message(broken).find(field), std::string::npos) << message(broken);
  }
  ordered_json text = Figure("a", 1, 1, 1);
  text["figure"]["median"] = "fast";
  EXPECT_NE(message(text).find("median"), std::string::npos) << message(text);
  EXPECT_NE(message(ordered_json("a")).find("new.json"), std::string::npos);
}

ordered_json Named(const std::string& name, const std::string& isa, int threads, double median) {
  ordered_json figure = Figure(name, median, median - 1, median + 1);
  figure["isa"] = isa;
  figure["threads"] = threads;
  return figure;
}

TEST(Goals, AreGeometricMeansForEachInstructionSet) {
  ordered_json document = DocumentOf({Named("Matmul/f32/B/threads:1/a/M:512/N:1/K:1", "B", 1, 40),
                                      Named("Matmul/f32/B/threads:1/b/M:512/N:1/K:1", "B", 1, 90),
                                      Named("Matmul/f32/AVX2/threads:1/b/M:512/N:1/K:1", "AVX2", 1, 94),
                                      Named("Matmul/f32/B/threads:2/b/M:512/N:1/K:1", "B", 2, 93),
                                      Named("Matmul/bf16/B/threads:1/a/M:64/N:1/K:1", "B", 1, 84),
                                      Named("Matmul/bf16/B/threads:1/b/M:64/N:1/K:1", "B", 1, 105),
                                      Named("Attention/f32/B/threads:1/prefill:512", "B", 1, 30),
                                      Named("Attention/f32/B/threads:1/prefill:4096", "B", 1, 45),
                                      Named("Matmul/f32/B/threads:1/a/M:1/N:1/K:1", "B", 1, 150),
                                      Named("Matmul/f32/B/threads:2/a/M:1/N:1/K:1", "B", 2, 99),
                                      Named("Profile/gpt2-124m-random/f32/B/threads:1/prefill:512", "B", 1, 9),
                                      Named("Profile/qwen3-0.6b-random/f32/B/threads:1/prefill:512", "B", 1, 4)});
  document["figures"].push_back(Named("Matmul/f16/B/threads:1/a/M:1/N:1/K:1", "B", 1, 3));
  document["figures"].back()["ceiling"] = "multiply-add";  // a cache held what was to be read
  document["processor"] = {{"name", "P"}, {"instruction_sets", {"B", "AVX2"}}};
  document["date"] = "D";
  const std::string table = GoalsTable(document, "here");
  const auto has = [&](const char* what) { return table.find(what) != std::string::npos; };
  EXPECT_TRUE(has("B:\n\n| what | as | goal | 1 thread | 2 threads |")) << table;
  EXPECT_TRUE(has("| at least 92, each 85 | 60.0 (40.0 - 90.0), noise 1.5; **missed** | 93.0, noise 1.0; met |")) << table;
  EXPECT_TRUE(has("AVX2:\n\n")) << table;
  EXPECT_TRUE(has("| at least 95, each 85 | 94.0, noise 1.0; **missed** | - |")) << table;
  EXPECT_TRUE(has("93.9 (84.0 - 105.0), noise 1.1; **missed** | - |")) << table;  // one of them is under what each must be
  EXPECT_TRUE(has("| at least 95 | 150.0, noise 1.0; above its ceiling, so no verdict | 99.0, noise 1.0; met |")) << table;
  EXPECT_TRUE(has("| much | 30.0, noise 1.0 | - |")) << table;
  EXPECT_TRUE(has("| at least 70 | 75.0, noise 1.7; met | - |")) << table;  // 45 of 60
  EXPECT_TRUE(has("| at most 8 | 9.0, noise 1.0; **missed** | - |")) << table;
  EXPECT_TRUE(has("| at most 5 | 4.0, noise 1.0; met | - |")) << table;
  EXPECT_FALSE(has("Projections, 1 row, f16")) << table;
  EXPECT_TRUE(has("Measured D on P, B and AVX2")) << table;
  EXPECT_THROW(GoalsTable(DocumentOf({Named("other", "B", 1, 1)}), "here"), Error);
  EXPECT_TRUE(IsOfAGoal("Attention/f32/B/threads:1/prefill:4096"));
  EXPECT_FALSE(IsOfAGoal("softmax/f32/B"));
}

TEST(Goals, SayHowMuchFasterThreadsAre) {
  std::vector<ordered_json> figures;
  for (const auto& [name, threads, seconds] : {std::tuple{"Model/gpt2-124m-random/f32/B/threads:1/prefill:512", 1, 4.0},
                                               {"Model/gpt2-124m-random/f32/B/threads:2/prefill:512", 2, 2.0},
                                               {"Model/qwen3-0.6b-random/f32/B/threads:1/prefill:512", 1, 9.0},
                                               {"Model/qwen3-0.6b-random/f32/B/threads:2/prefill:512", 2, 4.5}}) {
    figures.push_back(Named(name, "B", threads, 80));
    figures.back()["seconds"] = {{"median", seconds}, {"q1", seconds}, {"q3", seconds}, {"count", 3}};
  }
  std::swap(figures[1], figures[3]);  // whatever their order
  const std::string table = GoalsTable(DocumentOf(figures), "here");
  EXPECT_NE(table.find("| times one thread | at least 1.90 on two, 0.75 a thread on more | - | 2.00 (2.00 - 2.00), noise 0.00; met |"), std::string::npos) << table;
}

TEST(Goals, ReplaceWhatLiesBetweenTheMarks) {
  const std::string page = std::string("before\n") + kGoalsBegin + "\nold\n" + kGoalsEnd + "\nafter\n";
  EXPECT_EQ(WithGoals(page, "new\n", "page"), std::string("before\n") + kGoalsBegin + "\nnew\n" + kGoalsEnd + "\nafter\n");
  EXPECT_EQ(WithGoals(WithGoals(page, "a\n", "page"), "new\n", "page"), WithGoals(page, "new\n", "page"));
  EXPECT_THROW(WithGoals("before\nafter\n", "new\n", "page"), Error);
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Svg, DrawsEveryPointInsideTheFrame) {
  const Chart chart = {"a < b & c", "x", "y", true, true,
                       {{"measured", {{1, 10, 9, 11}, {2, 20, 20, 20}, {64, 400, 390, 420}}, false},
                        {"bound", {{1, 5}, {64, 300}}, true}}};
  const std::string svg = Svg(chart);
  EXPECT_EQ(Count(svg, "<circle"), 3u);
  EXPECT_EQ(Count(svg, "<polyline"), 2u);
  EXPECT_NE(svg.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_EQ(Count(svg, "nan"), 0u);
  EXPECT_EQ(Count(svg, "inf"), 0u);
  for (size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) {
    double x = 0, y = 0;
    ASSERT_EQ(std::sscanf(svg.c_str() + at, "<circle cx=\"%lf\" cy=\"%lf\"", &x, &y), 2);
    EXPECT_GE(x, 80);
    EXPECT_LE(x, 700);
    EXPECT_GE(y, 44);
    EXPECT_LE(y, 364);
  }
}

TEST(Svg, RefusesWhatItCannotDraw) {
  EXPECT_THROW(Svg({"nothing", "x", "y", false, false, {}}), Error);
  EXPECT_THROW(Svg({"zero", "x", "y", true, false, {{"s", {{0, 1}, {1, 1}}, false}}}), Error);
  EXPECT_THROW(Svg({"endless", "x", "y", false, false, {{"s", {{1, INFINITY}}, false}}}), Error);
  EXPECT_NO_THROW(Svg({"one", "x", "y", false, false, {{"s", {{1, 1}}, false}}}));
}

TEST(Fit, IsTheLineThroughPointsOnOne) {
  const Fit fit = FitLine({{1, 5}, {2, 7}, {4, 11}});
  EXPECT_DOUBLE_EQ(fit.slope, 2);
  EXPECT_DOUBLE_EQ(fit.at_zero, 3);
  EXPECT_EQ(FitLine({{1, 5}}).slope, 0);
  EXPECT_EQ(FitLine({}).slope, 0);
}

}  // namespace
}  // namespace invar::bench
