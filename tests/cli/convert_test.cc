// invar convert and inspect, on the bundled models (tests/weights/gguf_equality.py does more, with other people's libraries).
#include <bit>
#include <csignal>
#include <list>

#include "runtime/base/atomic_directory.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/interrupt.h"
#include "runtime/cli/catch_interrupts.h"
#include "runtime/weights/narrow.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"
#include "tests/support/sanitized.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;

using nlohmann::json;

Outcome Invar(const std::vector<std::string>& arguments) { return RunProgram(INVAR_PROGRAM, arguments); }

std::string FingerprintOf(const std::filesystem::path& model) {
  const Outcome o = Invar({"logits", "-m", model.string(), "--ids", "1,2,3,500", "--json"});
  EXPECT_EQ(o.code, 0) << o.err;
  return o.code == 0 ? json::parse(o.out)["fingerprint"].get<std::string>() : "";
}

void ExpectRefused(const std::vector<std::string>& arguments, int code, const std::vector<std::string>& words) {
  const Outcome o = Invar(arguments);
  EXPECT_EQ(o.code, code) << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  for (const std::string& word : words) EXPECT_NE(o.err.find(word), std::string::npos) << o.err;
}

size_t EntriesOf(const std::filesystem::path& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

std::vector<std::byte> BytesOf(const TensorView& view) {
  std::vector<std::byte> bytes(view.bytes);
  view.CopyTo(bytes.data());
  return bytes;
}

// Of equal values the storage type changes no bit (contract, section 0), nor do shards.
TEST(Convert, WiderAndShardedWeightsGiveTheSameBits) {
  const TemporaryDirectory folder;
  for (const std::string& name : ModelNames()) {
    const std::string model = ModelDir(name).string(), out = (folder / (name + "-f32")).string(), shards = (folder / (name + "-shards")).string();
    ASSERT_EQ(Invar({"convert", "-m", model, "-o", out, "--type", "f32"}).code, 0);
    EXPECT_EQ(FingerprintOf(out), FingerprintOf(model));
    ASSERT_EQ(Invar({"convert", "-m", out, "-o", shards, "--shard", "300KB"}).code, 0);
    EXPECT_TRUE(std::filesystem::exists(folder / (name + "-shards") / "model.safetensors.index.json"));
    EXPECT_EQ(FingerprintOf(shards), FingerprintOf(model));
    EXPECT_EQ(FileText(folder / (name + "-f32") / "tokenizer.json"), FileText(ModelDir(name) / "tokenizer.json"));
    EXPECT_EQ(ReadJson(folder / (name + "-f32") / "config.json")["dtype"], "float32");
    // Narrowed again, bf16 weights are the file they were.
    if (name != "qwen3") continue;
    const std::string back = (folder / "back").string();
    ASSERT_EQ(Invar({"convert", "-m", out, "-o", back, "--type", "bf16"}).code, 0);
    const SafetensorsFile a = SafetensorsFile::Open(ModelDir(name) / "model.safetensors"), b = SafetensorsFile::Open(folder / "back" / "model.safetensors");
    ASSERT_EQ(a.names(), b.names());
    for (const std::string& tensor : a.names()) {
      ASSERT_EQ(a.Get(tensor).bytes, b.Get(tensor).bytes);
      EXPECT_EQ(BytesOf(a.Get(tensor)), BytesOf(b.Get(tensor))) << tensor;
    }
  }
}

TEST(Convert, RefusesAndLeavesNothingBehind) {
  const TemporaryDirectory folder;
  const std::string model = ModelDir("gpt2").string(), out = (folder / "out").string();
  ExpectRefused({"convert", "-m", model}, 2, {"--output"});
  ExpectRefused({"convert", "-m", model, "-o", out, "--type", "int8"}, 2, {"--type", "bf16"});
  ExpectRefused({"convert", "-m", model, "-o", out, "--shard", "5 potatoes"}, 2, {"--shard", "5GB"});
  ExpectRefused({"convert", "-m", model, "-o", out, "--shard", "99999999999999999GB"}, 2, {"--shard"});
  ExpectRefused({"convert", "-m", (folder / "none").string(), "-o", out}, 1, {"none"});
  ExpectRefused({"convert", "-m", model, "-o", (folder / "no" / "parent").string()}, 1, {"parent"});
  // A weight that f16 cannot hold, found after the directory was begun.
  std::filesystem::copy(ModelDir("gpt2"), folder / "large");
  const SafetensorsFile file = SafetensorsFile::Open(ModelDir("gpt2") / "model.safetensors");
  std::vector<NamedTensor> tensors;
  std::list<std::vector<std::byte>> kept;  // what tensors points to
  std::vector<float> values = TensorValues<float>(file, "transformer.wte.weight");
  values[5] = 65520.0f;
  for (const std::string& name : file.names()) {
    const TensorView& view = file.Get(name);
    kept.push_back(BytesOf(view));
    tensors.push_back({name, view.dtype, view.shape, kept.back()});
    if (name == "transformer.wte.weight") tensors.back().data = std::as_bytes(std::span(values));
  }
  WriteSafetensors(folder / "large" / "model.safetensors", tensors);
  ExpectRefused({"convert", "-m", (folder / "large").string(), "-o", out, "--type", "f16"}, 1, {"transformer.wte.weight", "65520", "bf16"});
  EXPECT_EQ(EntriesOf(folder.path()), 1u);

  ASSERT_EQ(Invar({"convert", "-m", model, "-o", out}).code, 0);
  ExpectRefused({"convert", "-m", model, "-o", out}, 1, {"exists already", "--force"});
  ExpectRefused({"convert", "-m", out, "-o", out, "--force"}, 1, {"its own directory"});
  EXPECT_EQ(Invar({"convert", "-m", model, "-o", out + "/", "--force", "--type", "bf16"}).code, 0);
  EXPECT_EQ(ReadJson(folder / "out" / "config.json")["dtype"], "bfloat16");
  // What is not a checkpoint's is never thrown away.
  WriteText(folder / "out" / "diary.txt", "dear");
  ExpectRefused({"convert", "-m", model, "-o", out, "--force"}, 1, {"diary.txt"});
  EXPECT_EQ(FileText(folder / "out" / "diary.txt"), "dear");
  WriteText(folder / "file", "mine");
  ExpectRefused({"convert", "-m", model, "-o", (folder / "file").string(), "--force"}, 1, {"no directory"});
  std::filesystem::create_directory_symlink(folder / "out", folder / "link");
  ExpectRefused({"convert", "-m", model, "-o", (folder / "link").string(), "--force"}, 1, {"no directory"});
  EXPECT_EQ(EntriesOf(folder.path()), 4u);
}

// A tensor of many pieces, in less memory than it has bytes.
TEST(Convert, ALargeTensorIsConvertedInPieces) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more address space than that";
  const TemporaryDirectory folder;
  fs::copy(ModelDir("gpt2"), folder / "m");
  const SafetensorsFile file = SafetensorsFile::Open(ModelDir("gpt2") / "model.safetensors");
  std::vector<float> values((size_t{24} << 20) + 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 2039);  // prime: no piece is like another
  std::vector<NamedTensor> tensors = {{"unused", DType::kF32, {values.size()}, std::as_bytes(std::span(values))}};
  std::list<std::vector<std::byte>> kept;  // what tensors points to
  for (const std::string& name : file.names()) {
    kept.push_back(BytesOf(file.Get(name)));
    tensors.push_back({name, file.Get(name).dtype, file.Get(name).shape, kept.back()});
  }
  WriteSafetensors(folder / "m" / "model.safetensors", tensors);
  for (const char* type : {"keep", "f16"}) {
    const Outcome o = RunProgram("/bin/sh", {"-c", "ulimit -v 90000; exec \"$0\" convert -m \"$1\" -o \"$2\" --type \"$3\"", INVAR_PROGRAM,
                                             (folder / "m").string(), (folder / type).string(), type});
    ASSERT_EQ(o.code, 0) << o.err;
  }
  EXPECT_TRUE(BytesOf(SafetensorsFile::Open(folder / "keep/model.safetensors").Get("unused")) == BytesOf(SafetensorsFile::Open(folder / "m/model.safetensors").Get("unused")));
  const SafetensorsFile narrow = SafetensorsFile::Open(folder / "f16/model.safetensors");
  const std::vector<uint16_t> halves = TensorValues<uint16_t>(narrow, "unused");
  ASSERT_EQ(halves.size(), values.size());
  size_t wrong = 0;
  for (size_t i = 0; i < halves.size(); ++i) wrong += NarrowF16(std::bit_cast<uint32_t>(values[i])) != halves[i];
  EXPECT_EQ(wrong, 0u);
}

TEST(Convert, ForceReplacesACheckpointAndNothingElse) {
  const TemporaryDirectory folder;
  const std::string model = ModelDir("gpt2").string(), out = (folder / "out").string();
  const auto refused = [&](const std::string& source, const std::vector<std::string>& words) {
    ExpectRefused({"convert", "-m", source, "-o", out, "--force"}, 1, words);
  };
  fs::create_directory(folder / "out");
  WriteText(folder / "out/package.json", "{}");
  WriteText(folder / "out/tsconfig.json", "{}");
  refused(model, {"package.json"});
  fs::remove(folder / "out/package.json");
  fs::remove(folder / "out/tsconfig.json");
  refused(model, {"no config.json"});
  WriteText(folder / "out/config.json", "{}");
  refused(model, {"no weights"});
  fs::remove(folder / "out/config.json");
  fs::copy(ModelDir("gpt2"), folder / "out");
  // The templates' directory holds templates alone.
  fs::create_directory(folder / "out/additional_chat_templates");
  WriteText(folder / "out/additional_chat_templates/notes.json", "{}");
  refused(model, {"notes.json"});
  fs::remove(folder / "out/additional_chat_templates/notes.json");
  // The source inside the target, and a source whose files are the target's by links.
  fs::copy(ModelDir("gpt2"), folder / "out/additional_chat_templates");
  refused((folder / "out/additional_chat_templates").string(), {"lies in", out});
  fs::remove_all(folder / "out/additional_chat_templates");
  fs::copy(ModelDir("gpt2"), folder / "linked");
  fs::remove(folder / "linked/model.safetensors");
  fs::create_symlink("../out/model.safetensors", folder / "linked/model.safetensors");
  refused((folder / "linked").string(), {"linked/model.safetensors", "lies in", out});
  EXPECT_TRUE(FileText(folder / "out/model.safetensors") == FileText(ModelDir("gpt2") / "model.safetensors"));
  EXPECT_EQ(EntriesOf(folder.path()), 2u);
  EXPECT_EQ(Invar({"convert", "-m", model, "-o", out, "--force"}).code, 0);
}

TEST(Convert, CopiesWhatBelongsToTheModel) {
  const TemporaryDirectory folder;
  fs::copy(ModelDir("qwen3"), folder / "m");
  for (const char* stale : {"pytorch_model.bin.index.json", "package.json", "trainer_state.json"}) WriteText(folder / "m" / stale, "{}");
  fs::create_directory(folder / "m/additional_chat_templates");
  WriteText(folder / "m/additional_chat_templates/tool_use.jinja", "{{ tools }}");
  WriteText(folder / "m/additional_chat_templates/notes.txt", "dear");
  ASSERT_EQ(Invar({"convert", "-m", (folder / "m").string(), "-o", (folder / "out").string()}).code, 0);
  for (const char* stale : {"pytorch_model.bin.index.json", "package.json", "trainer_state.json", "additional_chat_templates/notes.txt"}) {
    EXPECT_FALSE(fs::exists(folder / "out" / stale)) << stale;
  }
  EXPECT_EQ(FileText(folder / "out/tokenizer.json"), FileText(folder / "m/tokenizer.json"));
  EXPECT_EQ(FileText(folder / "out/additional_chat_templates/tool_use.jinja"), "{{ tools }}");
  EXPECT_EQ(Invar({"convert", "-m", (folder / "m").string(), "-o", (folder / "out").string(), "--force"}).code, 0);
}

TEST(Convert, AnInterruptLeavesNothingBehind) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const TemporaryDirectory folder;
    const cli::CatchInterrupts caught;
    try {
      AtomicDirectory directory(folder / "a");
      AtomicFile file(directory.path() / "f");
      file.Write("half");
      ::raise(signal);
      file.Write("whole");
      ADD_FAILURE() << "the signal was not noticed";
    } catch (const Interrupted& e) {
      EXPECT_EQ(e.signal(), signal);
    }
    EXPECT_EQ(EntriesOf(folder.path()), 0u);
  }
}

// The whole program, at whichever moment the signal meets it.
TEST(Convert, AnInterruptedProgramLeavesNothingBehind) {
  size_t interrupted = 0;
  for (int i = 0; i < 12; ++i) {
    const TemporaryDirectory folder;
    const std::string out = (folder / "out").string();
    const Outcome o = RunProgram("/bin/sh", {"-c", "\"$0\" convert -m \"$1\" -o \"$2\" --shard 20KB & p=$!; n=0; "
                                                   "while kill -0 $p && [ \"$(ls -A \"$3\" | wc -l)\" = 0 ] && [ $n -lt 2000 ]; do n=$((n+1)); done; "
                                                   "kill -TERM $p; wait $p",
                                             INVAR_PROGRAM, ModelDir("qwen3").string(), out, folder.path().string()});
    interrupted += o.code == 128 + SIGTERM;
    EXPECT_TRUE(o.code == 0 || o.code == 128 + SIGTERM) << o.code << o.err;
    EXPECT_EQ(EntriesOf(folder.path()), o.code == 0 ? 1u : 0u) << o.err;
    EXPECT_EQ(fs::exists(out), o.code == 0);
  }
  EXPECT_GT(interrupted, 0u);
}

TEST(Convert, AFullStandardOutputDoesNotHideThatTheDirectoryWasWritten) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const TemporaryDirectory folder;
  const Outcome o = RunProgram("/bin/sh", {"-c", "\"$0\" convert -m \"$1\" -o \"$2\" > /dev/full", INVAR_PROGRAM, ModelDir("gpt2").string(), (folder / "out").string()});
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("was written"), std::string::npos) << o.err;
  EXPECT_TRUE(fs::exists(folder / "out/model.safetensors"));
}

TEST(Convert, ADirectoryAppearsWholeOrNotAtAll) {
  const TemporaryDirectory folder;
  {
    const AtomicDirectory abandoned(folder / "a");
    WriteText(abandoned.path() / "config.json", "{}");
  }
  EXPECT_EQ(EntriesOf(folder.path()), 0u);
  AtomicDirectory written(folder / "a");
  WriteText(written.path() / "config.json", "{}");
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  written.Commit();
  EXPECT_EQ(EntriesOf(folder.path()), 1u);
  EXPECT_EQ(FileText(folder / "a" / "config.json"), "{}");
  EXPECT_THROW(AtomicDirectory(folder / "..", [](const auto&) {}), Error);
}

TEST(Inspect, SaysWhatAModelIs) {
  for (const std::string& name : ModelNames()) {
    const Outcome o = Invar({"inspect", "-m", ModelDir(name).string(), "--json"});
    ASSERT_EQ(o.code, 0) << o.err;
    const json report = json::parse(o.out);
    const Model& model = EngineOf(name).model();
    EXPECT_EQ(report["loadable"], true);
    EXPECT_EQ(report["parameters"], model.parameters());
    EXPECT_EQ(report["memory"]["weights"], model.weight_bytes());
    KvCache cache = model.NewCache();
    cache.Reserve(model.config().max_positions);
    EXPECT_EQ(report["memory"]["kv_cache_of_all_positions"], cache.bytes());
    const SafetensorsFile file = SafetensorsFile::Open(ModelDir(name) / "model.safetensors");
    ASSERT_EQ(report["tensors"].size(), file.names().size());
    for (size_t i = 0; i < file.names().size(); ++i) {
      EXPECT_EQ(report["tensors"][i]["name"], file.names()[i]);
      EXPECT_EQ(report["tensors"][i]["shape"].get<std::vector<uint64_t>>(), file.Get(file.names()[i]).shape);
    }
    const std::vector<std::string> ignored = report["ignored_fields"];
    EXPECT_NE(std::find(ignored.begin(), ignored.end(), "initializer_range"), ignored.end());
    EXPECT_EQ(std::find(ignored.begin(), ignored.end(), "vocab_size"), ignored.end());
    const Outcome text = Invar({"inspect", ModelDir(name).string()});
    EXPECT_NE(text.out.find("KV cache"), std::string::npos) << text.out << text.err;
    const Outcome single = Invar({"inspect", (ModelDir(name) / "model.safetensors").string(), "--json"});
    EXPECT_EQ(json::parse(single.out)["tensors"].size(), file.names().size());
  }
}

TEST(Inspect, SaysWhyAModelCannotBeLoaded) {
  const TemporaryDirectory folder;
  std::filesystem::copy(ModelDir("gpt2"), folder / "m");
  json config = ReadJson(folder / "m" / "config.json");
  config["n_layer"] = 5;
  WriteText(folder / "m" / "config.json", config.dump());
  const json report = json::parse(Invar({"inspect", (folder / "m").string(), "--json"}).out);
  EXPECT_EQ(report["loadable"], false);
  EXPECT_NE(report["reason"].get<std::string>().find("h.4."), std::string::npos) << report["reason"];
  ExpectRefused({"inspect", (folder / "none").string()}, 1, {"none"});
  WriteText(folder / "text.gguf", "hello, hello");
  ExpectRefused({"inspect", (folder / "text.gguf").string()}, 1, {"text.gguf", "GGUF"});
}

}  // namespace
}  // namespace invar::testing
