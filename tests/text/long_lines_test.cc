// Single lines of two megabytes that tempt a tokenizer into quadratic time: it would take hours where this takes seconds, and
// the test's time limit ends it. What is encoded must also decode to the text.
#include <cstdio>

#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

constexpr size_t kSize = 2'000'000;

std::string Filled(const std::string& unit) {
  std::string line;
  while (line.size() + unit.size() <= kSize) line += unit;
  return line;
}

std::vector<std::string> Lines() {
  std::vector<std::string> lines;
  for (const char* unit : {"a", " ", "\n", "1234567890", "中文字符测试", "👩‍👩‍👧‍👦👍🏽", "\u0301", "\u1100\u1161\u11a8", "aaaa bbbb ", "<|", "<|im_star",
                           "<|endoftext|>", "'", "'s'll'", "!?.,;-", "\t ", "theandofing", "\u2581", "\u00a0", "é"}) {
    lines.push_back(Filled(unit));
  }
  lines.push_back(Filled(" ") + "x");
  lines.push_back(Filled(" ") + "\n" + Filled(" "));
  // Marks of all classes in no order: canonical ordering sorts them.
  std::string marks = "e";
  uint32_t state = 1;
  while (marks.size() < kSize) {
    state = state * 1664525 + 1013904223;
    AppendUtf8(0x300 + (state >> 16) % 0x70, &marks);
  }
  lines.push_back(marks);
  return lines;
}

class LongLines : public ::testing::TestWithParam<std::string> {};

TEST_P(LongLines, AreReadInLinearTime) {
  const Tokenizer tokenizer = Tokenizer::Load(SourceDir() / GetParam());
  const bool composes = GetParam() == "models/qwen3";
  size_t tokens = 0;
  for (const std::string& line : Lines()) {
    const std::vector<int32_t> ids = tokenizer.Encode(line, false);
    tokens += ids.size();
    EXPECT_TRUE(tokenizer.Decode(ids) == (composes ? Nfc(line) : line)) << line.substr(0, 20);
  }
  std::printf("%zu tokens\n", tokens);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LongLines, ::testing::Values("models/gpt2", "models/qwen3", "tests/text/cases/llama3-small"),
                         [](const auto& p) { return std::to_string(p.index); });

// Of characters, text is one piece however long; U+2581 is read back as a blank.
TEST(LongLines, OfCharacters) {
  for (const char* name : {"llama2-small", "mistral-small"}) {
    const Tokenizer tokenizer = Tokenizer::Load(SourceDir() / "tests/text/cases" / name);
    for (const std::string& line : Lines()) {
      if (line.find("\u2581") != std::string::npos || line[0] == ' ') continue;
      EXPECT_TRUE(tokenizer.Decode(tokenizer.Encode(line, false)) == line) << line.substr(0, 20);
    }
  }
}

}  // namespace
}  // namespace invar::testing
