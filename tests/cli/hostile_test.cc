// The program among broken files, full disks and tight limits: one sentence and an exit status, whatever there is.
#include <sys/mount.h>
#include <sys/stat.h>

#include "runtime/cli/common.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/sanitized.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;

void ExpectSentence(const Outcome& o, int code, const std::vector<std::string>& words, const std::string& what) {
  EXPECT_EQ(o.code, code) << what << "\n" << o.err;
  EXPECT_EQ(o.out, "") << what;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << what << "\n" << o.err;
  for (const std::string& word : words) EXPECT_NE(o.err.find(word), std::string::npos) << what << ": no '" << word << "' in " << o.err;
}

// A copy of a bundled model, one thing of it broken.
struct Copy {
  TemporaryDirectory folder;
  explicit Copy(const std::string& model = "gpt2") {
    fs::copy(ModelDir(model), folder.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  fs::path operator/(const std::string& name) const { return folder / name; }
  Outcome Generate(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"generate", "-m", folder.path().string(), "-p", "ROMEO:", "-n", "2", "-q"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(INVAR_PROGRAM, arguments);
  }
};

TEST(Hostile, BrokenFilesOfAModel) {
  using Break = std::function<void(const Copy&)>;
  const auto text = [](const std::string& name, const std::string& content) -> Break {
    return [=](const Copy& c) { WriteText(c / name, content); };
  };
  const auto replaced = [](const std::string& name, const std::string& from, const std::string& to) -> Break {
    return [=](const Copy& c) {
      std::string content = FileText(c / name);
      const size_t at = content.find(from);
      ASSERT_NE(at, std::string::npos) << name << " has no " << from;
      WriteText(c / name, content.replace(at, from.size(), to));
    };
  };
  const auto cut = [](const std::string& name, uint64_t size) -> Break {
    return [=](const Copy& c) { fs::resize_file(c / name, size); };
  };
  const auto link = [](const std::string& name, const std::string& to) -> Break {
    return [=](const Copy& c) {
      fs::remove(c / name);
      fs::create_symlink(to, c / name);
    };
  };
  const auto fifo = [](const std::string& name) -> Break {
    return [=](const Copy& c) {
      fs::remove(c / name);
      ASSERT_EQ(::mkfifo((c / name).c_str(), 0600), 0);
    };
  };
  const std::string weights = "model.safetensors", claims(8, '\x7F');
  const std::vector<std::tuple<std::string, Break, std::vector<std::string>>> cases = {
      {"weights cut", cut(weights, 100000), {weights, "incomplete"}},
      {"weights empty", cut(weights, 0), {weights, "0 bytes"}},
      {"header claims exabytes", text(weights, claims + "{}"), {weights, "claims a header of"}},
      {"header not JSON", text(weights, std::string("\3\0\0\0\0\0\0\0{a}", 11)), {weights, "not valid JSON"}},
      {"a pointer instead of weights", text(weights, "version https://git-lfs.github.com/spec/v1\n"), {"git lfs pull"}},
      {"weights a loop", link(weights, weights), {weights, "symbolic links"}},
      {"weights nowhere", link(weights, "gone"), {weights, "No such file"}},
      {"weights a device", link(weights, "/dev/zero"), {weights, "not a regular file"}},
      {"weights a FIFO", fifo(weights), {weights, "not a regular file"}},
      {"config a FIFO", fifo("config.json"), {"config.json", "not a regular file"}},
      {"config a loop", link("config.json", "config.json"), {"config.json", "symbolic links"}},
      {"config broken", text("config.json", "{\n  \"model_type\": \"gpt2\",\n  \"n_head\" 4\n}"), {"config.json", "line 3, column 12"}},
      {"config a list", text("config.json", "[]"), {"config.json", "must be a JSON object"}},
      {"unknown model", text("config.json", R"({"model_type": "mamba"})"), {"'mamba'", "gpt2", "qwen3_moe", "mistral"}},
      {"no heads", replaced("config.json", "\"n_head\": ", "\"n_head\": 0, \"x\": "), {"config.json", "n_head", "from 1"}},
      {"negative layers", replaced("config.json", "\"n_layer\": ", "\"n_layer\": -1, \"x\": "), {"n_layer", "from 1"}},
      {"absurd layers", replaced("config.json", "\"n_layer\": ", "\"n_layer\": 33554432, \"x\": "), {"n_layer", "65536"}},
      {"more than 64 bits", replaced("config.json", "\"vocab_size\": ", "\"vocab_size\": 99999999999999999999, \"x\": "), {"vocab_size"}},
      {"a vocabulary too large", replaced("config.json", "\"vocab_size\": ", "\"vocab_size\": 1025, \"x\": "),
       {"wte.weight", "has shape [1024,", "asks for [1025,"}},
      {"a layer more", replaced("config.json", "\"n_layer\": ", "\"n_layer\": 7, \"x\": "), {"has no tensor h."}},
      {"tokenizer broken", text("tokenizer.json", "{\"model\":\n{]}"), {"tokenizer.json", "line 2, column 2"}},
      {"tokenizer a loop", link("tokenizer.json", "tokenizer.json"), {"tokenizer.json", "symbolic links"}},
      {"tokenizer with a huge id", text("tokenizer.json", R"({"decoder":{"type":"ByteLevel"},"model":{"vocab":{"a":67108863},"merges":[]}})"),
       {"tokenizer.json", "below 65540"}},
      {"generation config a loop", link("generation_config.json", "generation_config.json"), {"generation_config.json", "symbolic links"}},
      {"generation config absurd", text("generation_config.json", R"({"temperature": -1})"), {"temperature", "from 0"}},
  };
  for (const auto& [what, damage, words] : cases) {
    const Copy copy;
    damage(copy);
    ExpectSentence(copy.Generate(), 1, words, what);
  }
  std::printf("%zu broken models refused\n", cases.size());
}

TEST(Hostile, HeadsThatOverflowTogether) {
  const TemporaryDirectory folder;
  WriteText(folder / "config.json", R"({"model_type": "llama", "num_attention_heads": 1048576, "head_dim": 1048576, "hidden_size": 64})");
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"verify", "-m", folder.path().string()}), 1, {"num_attention_heads", "head_dim"}, "heads");
}

TEST(Hostile, ModelsThatAreNoDirectories) {
  const TemporaryDirectory folder;
  WriteText(folder / "file", "");
  fs::create_symlink("loop", folder / "loop");
  for (const auto& [path, word] : std::map<std::string, std::string>{
           {(folder / "file").string(), "not a GGUF file"}, {(folder / "loop").string(), "symbolic links"},
           {(folder / "none").string(), "No such file"}, {"/dev/null", "no directory"}}) {
    for (const std::string command : {"generate", "tokenize"}) {
      ExpectSentence(RunProgram(INVAR_PROGRAM, {command, "-m", path, "-p", "a"}), 1, {path, word}, path);
    }
  }
}

TEST(Hostile, EndlessInput) {
  const std::string model = ModelDir("gpt2").string();
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"tokenize", "-m", model, "-f", "/dev/zero"}), 1, {"/dev/zero", "larger than"}, "a device");
  ExpectSentence(RunProgram("/bin/sh", {"-c", std::string("exec ") + INVAR_PROGRAM + " tokenize -m " + model + " -f - < /dev/zero"}), 1,
                 {"standard input", "more than"}, "standard input");
}

TEST(Hostile, TextsThatDoNotFitTheModel) {
  const std::string model = ModelDir("gpt2").string();
  std::string ids = "1";
  for (int i = 0; i < 300; ++i) ids += ",1";
  for (const std::string chunk : {"0", "1"}) {
    ExpectSentence(RunProgram(INVAR_PROGRAM, {"logits", "-m", model, "--ids", ids, "--chunk", chunk}), 1,
                   {"301 tokens", "256 positions"}, "a long text");
  }
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"generate", "-m", model, "--ids", ids}), 1, {"301 tokens", "256 positions"}, "a long prompt");
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"generate", "-m", model, "--ids", "1,1024"}), 1, {"1024", "vocabulary"}, "an id too large");
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"generate", "-m", model, "--ids", "-1"}), 2, {"-1"}, "a negative id");
  ExpectSentence(RunProgram(INVAR_PROGRAM, {"generate", "-m", model, "--ids", "99999999999999999999"}), 2, {"token id"}, "an id beyond 64 bits");
}

// Writes that stop half-way leave what was there, and nothing beside it.
void ExpectOldFileKept(const fs::path& directory, const Outcome& o, const std::string& what) {
  EXPECT_EQ(o.code, 1) << what << o.err;
  EXPECT_NE(o.err.find("cannot write "), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("space"), std::string::npos) << o.err;
  EXPECT_EQ(FileText(directory / "x.safetensors"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), {}), 1) << "a temporary file was left";
}

TEST(Hostile, AFileBeyondTheLimitForFiles) {
  const TemporaryDirectory folder;
  WriteText(folder / "x.safetensors", "old");
  const std::string command = "ulimit -f 8; exec " + std::string(INVAR_PROGRAM) + " logits -m " + ModelDir("gpt2").string() +
                              " --ids 1,2,3,4,5,6 -o " + (folder / "x.safetensors").string();
  ExpectOldFileKept(folder.path(), RunProgram("/bin/sh", {"-c", command}), "ulimit -f");
}

TEST(Hostile, AFullDisk) {
  const TemporaryDirectory folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=16k") != 0) GTEST_SKIP() << "mounting needs more rights";
  WriteText(folder / "x.safetensors", "old");
  const Outcome o = RunProgram(INVAR_PROGRAM, {"logits", "-m", ModelDir("gpt2").string(), "--ids", "1,2,3,4,5,6", "-o",
                                               (folder / "x.safetensors").string()});
  ExpectOldFileKept(folder.path(), o, "tmpfs");
  EXPECT_NE(o.err.find("No space left"), std::string::npos) << o.err;
  EXPECT_EQ(::umount(folder.path().c_str()), 0);
}

TEST(Hostile, OutputsThatCannotBeWritten) {
  const TemporaryDirectory folder;
  WriteText(folder / "file", "old");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  fs::create_symlink("loop", folder / "loop");
  for (const auto& [path, word] : std::map<std::string, std::string>{
           {(folder / "file/x").string(), "Not a directory"}, {(folder / "none/x").string(), "No such file"},
           {"/proc/x", "cannot write"}, {(folder / "fifo").string(), "not a regular file"},
           {folder.path().string(), "not a regular file"}, {"/dev/full", "not a regular file"},
           {(folder / "loop").string(), "symbolic links"}}) {
    const Outcome o = RunProgram(INVAR_PROGRAM, {"logits", "-m", ModelDir("gpt2").string(), "--ids", "1,2", "-o", path});
    ExpectSentence(o, 1, {path, word}, path);
  }
  EXPECT_EQ(FileText(folder / "file"), "old");
}

// From far too little to almost enough: the program says that memory lacks, or does its work.
TEST(Hostile, TightAddressSpace) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more address space than that";
  const std::string model = ModelDir("qwen3").string();
  const std::string expected = RunProgram(INVAR_PROGRAM, {"generate", "-m", model, "-p", "ROMEO:", "-n", "4", "-t", "4", "-q"}).out;
  size_t refused = 0, done = 0;
  for (int kilobytes = 12000; kilobytes < 500000; kilobytes += kilobytes / 6) {
    const Outcome o = RunProgram("/bin/sh", {"-c", "ulimit -v " + std::to_string(kilobytes) + "; exec " + INVAR_PROGRAM + " generate -m " + model +
                                                       " -p ROMEO: -n 4 -t 4 -q"});
    if (o.code == 0) {
      ++done;
      EXPECT_EQ(o.out, expected) << kilobytes;
    } else if (o.code == 1) {
      ++refused;
      EXPECT_NE(o.err.find("memory"), std::string::npos) << kilobytes << ": " << o.err;
      EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    } else {
      // Below some size the system cannot even load the program.
      EXPECT_EQ(o.code, 127) << kilobytes << ": " << o.err;
    }
  }
  EXPECT_GT(done, 0u);
  std::printf("refused at %zu sizes, done at %zu\n", refused, done);
}

TEST(Hostile, NumbersAreRoundedOnce) {
  const auto number = [](const std::string& text) { return cli::ParseNumber(text).value(); };
  // A little more than half-way between two binary64 numbers, of which the lower is half-way between two binary32 numbers:
  // rounding to long double first ends at the wrong one of each.
  const std::string text = "1.00000005960464488641292746251565404236316680908203126";
  EXPECT_EQ(number(text), 0x1.0000010000001p0);
  EXPECT_EQ(static_cast<float>(number(text)), 0x1.000002p0f);
  EXPECT_EQ(number("0.8"), 0.8);
  EXPECT_EQ(number("-1e-3"), -0.001);
  EXPECT_EQ(number("-inf"), -std::numeric_limits<double>::infinity());
  for (const std::string bad : {"", " 1", "1 ", "1,5", "1x", "--1", "e5", "."}) EXPECT_FALSE(cli::ParseNumber(bad)) << bad;
  for (const std::string flag : {"--temp", "--top-p", "--min-p", "--repeat-penalty", "--frequency-penalty", "--presence-penalty"}) {
    ExpectSentence(Copy().Generate({flag, "1.5x"}), 2, {flag, "'1.5x' is not a number"}, flag);
  }
  ExpectSentence(Copy().Generate({"--logit-bias", "5=1 2"}), 2, {"--logit-bias 5=1 2"}, "logit bias");
}

}  // namespace
}  // namespace invar::testing
