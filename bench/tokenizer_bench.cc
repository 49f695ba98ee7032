// Tokens a second of encoding and decoding on one core: English, source code and many scripts, with the published
// vocabularies (in INVAR_SHARED, or in "shared" beside the project), or else the bundled ones.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/harness.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"

namespace invar::bench {
namespace {

std::string FileText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Words of random letters: no published text of these scripts is at hand, and none would be harder.
std::string ManyScripts() {
  const std::pair<uint32_t, uint32_t> scripts[] = {{0x61, 26}, {0xC0, 60}, {0x3B1, 24}, {0x410, 64}, {0x5D0, 27}, {0x627, 30},
                                                   {0x905, 50}, {0xE01, 40}, {0x3041, 80}, {0x4E00, 2000}, {0xAC00, 2000}};
  std::string text;
  uint32_t state = 3;
  const auto below = [&state](uint32_t limit) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
  };
  while (text.size() < 1'000'000) {
    const auto& [first, count] = scripts[below(static_cast<uint32_t>(std::size(scripts)))];
    for (uint32_t length = 2 + below(8); length > 0; --length) AppendUtf8(first + below(count), &text);
    text += below(8) == 0 ? ", " : " ";
  }
  return text;
}

std::string SourceCode() {
  std::string text;
  for (const char* folder : {"runtime/text", "runtime/model", "runtime/cli"}) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(INVAR_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == ".cc") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) text += FileText(file);
  }
  return text;
}

void RegisterVocabulary(const std::string& name, const std::filesystem::path& directory) {
  const std::filesystem::path play = std::filesystem::path(INVAR_SOURCE_DIR) / "models/tinyshakespeare.txt";
  const std::pair<std::string, std::function<std::string()>> texts[] = {
      {"English", [play] { return FileText(play); }}, {"code", SourceCode}, {"many_scripts", ManyScripts}};
  for (const auto& [kind, make] : texts) {
    for (const bool decode : {false, true}) {
      const std::string what = decode ? "decode" : "encode";
      Register("Tokenizer/" + what + "/" + name + "/" + kind, [=, make = make, kind = kind](benchmark::State& state) {
        const Tokenizer tokenizer = Tokenizer::Load(directory);
        const std::string text = make();
        const std::vector<int32_t> ids = tokenizer.Encode(text);
        Work work;
        work.tokens = static_cast<double>(ids.size());
        work.bytes = static_cast<double>(text.size());
        size_t made = 0;
        work.call = [&](Team&) { made += decode ? tokenizer.Decode(ids).size() : tokenizer.Encode(text).size(); };
        const Measured measured = Run(state, work);
        benchmark::DoNotOptimize(made);
        Record({"Tokenizer: million tokens a second on one core", name + " " + what, kind, 1e-6 * work.tokens / measured.seconds});
      });
    }
  }
}

}  // namespace

void RegisterTokenizers() {
  const std::filesystem::path source = INVAR_SOURCE_DIR;
  const char* given = std::getenv("INVAR_SHARED");
  const std::filesystem::path shared = given != nullptr ? std::filesystem::path(given) : source / ".." / "shared";
  for (const char* name : {"gpt2", "qwen3"}) {
    const std::filesystem::path published = shared / "tokenizers" / name;
    std::error_code error;
    if (std::filesystem::exists(published / "tokenizer.json", error)) {
      RegisterVocabulary(std::string(name) + "_published", published);
    } else {
      RegisterVocabulary(std::string(name) + "_bundled", source / "models" / name);
    }
  }
}

}  // namespace invar::bench
