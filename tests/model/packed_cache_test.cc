// Packed weights kept in a file: the same bits with and without, and a file that is not this checkpoint's is never used.
#include "runtime/model/packed_cache.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(MADV_POPULATE_READ)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <csignal>
#include <cstddef>
#include <thread>

#include "runtime/base/interrupt.h"
#include "tests/model/checkpoint.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;

// A copy of a bundled checkpoint, a folder for packed weights, and what was noted.
class Cached {
 public:
  explicit Cached(const std::string& model) : name_(model) {
    for (const fs::directory_entry& entry : fs::directory_iterator(ModelDir(model))) {
      fs::create_directories(model_directory());
      fs::copy_file(entry.path(), model_directory() / entry.path().filename());
    }
  }

  fs::path model_directory() const { return folder_ / "checkpoint"; }
  fs::path cache() const { return folder_ / "packed"; }
  fs::path folder() const { return folder_.path(); }

  // The one file of the cache, but for what `but` names.
  fs::path File() const {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(cache())) files.push_back(entry.path());
    EXPECT_EQ(files.size(), 1u) << cache() << " holds not one file";
    return files.empty() ? fs::path() : files[0];
  }

  struct Loaded {
    std::vector<float> logits;
    std::vector<std::string> notes;
    bool mapped = false;  // the weights lie in the cache's file
  };
  Loaded Load(int threads = 2, const fs::path& cache_directory = {}) const {
    Loaded loaded;
    EngineOptions options{"", threads};
    options.load.packed_cache = cache_directory.empty() ? cache() : cache_directory;
    options.load.note = [&](const std::string& text) {
      EXPECT_EQ(text.find('\n'), text.npos) << text;
      loaded.notes.push_back(text);
    };
    const Engine engine(model_directory(), options);
    loaded.mapped = FileText("/proc/self/maps").find(".packed") != std::string::npos;
    loaded.logits = Logits(engine, RandomIds(engine, 21), {});
    return loaded;
  }
  std::vector<float> Plain() const {
    const Engine engine(model_directory(), EngineOptions{"", 2});
    return Logits(engine, RandomIds(engine, 21), {});
  }

  // The file cannot be used, for that reason: one note, the checkpoint's own bits, and a file that can be used again.
  void ExpectRebuilt(const std::string& why, const std::string& what) const {
    const Loaded anew = Load();
    ASSERT_EQ(anew.notes.size(), 1u) << what;
    EXPECT_NE(anew.notes[0].find(why), std::string::npos) << what << ": " << anew.notes[0];
    EXPECT_FALSE(anew.mapped) << what;
    Comparisons::Expect(Plain(), anew.logits, what);
    const Loaded again = Load();
    EXPECT_EQ(again.notes, std::vector<std::string>()) << what;
    EXPECT_TRUE(again.mapped) << what;
    Comparisons::Expect(anew.logits, again.logits, what);
  }

 private:
  std::string name_;
  TemporaryDirectory folder_;
};

void Overwrite(const fs::path& file, uint64_t at, const std::string& bytes) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(at));
  stream << bytes;
  ASSERT_TRUE(stream.good()) << file;
}

void FlipBit(const fs::path& file, uint64_t at) {
  const std::string text = FileText(file);
  ASSERT_LT(at, text.size());
  Overwrite(file, at, std::string(1, static_cast<char>(text[at] ^ 0x10)));
}

TEST(PackedCache, TheSameBitsWithAndWithout) {
  size_t mapped = 0;
  for (const std::string& model : ModelNames()) {
    const Cached cached(model);
    const std::vector<float> plain = cached.Plain();
    for (int round = 0; round < 4; ++round) {
      const Cached::Loaded loaded = cached.Load(1 + round);
      EXPECT_EQ(loaded.notes, std::vector<std::string>()) << model;
      EXPECT_EQ(loaded.mapped, round > 0) << model;
      mapped += loaded.mapped ? 1 : 0;
      Comparisons::Expect(plain, loaded.logits, model + " round " + std::to_string(round));
    }
  }
  EXPECT_EQ(mapped, 6u);
  Comparisons::Report("models with packed weights written and mapped, and without");
}

// Weights of every storage type, an embedding of its own, and columns in place of rows.
TEST(PackedCache, EveryKindOfTensor) {
  for (const std::string& model : ModelNames()) {
    for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
      const Cached cached(model);
      Checkpoint checkpoint = Checkpoint::Of(model);
      const std::string embedding = model == "gpt2" ? "transformer.wte.weight" : "model.embed_tokens.weight";
      ASSERT_TRUE(checkpoint.tensors.contains(embedding));
      checkpoint.tensors["lm_head.weight"] = checkpoint.tensors.at(embedding);
      checkpoint.config["tie_word_embeddings"] = false;
      for (auto& [name, tensor] : checkpoint.tensors) {  // patterns that are finite in each type
        size_t elements = 1;
        for (const uint64_t extent : tensor.shape) elements *= extent;
        tensor.dtype = type;
        tensor.data.assign(elements * DTypeSize(type), std::byte{0x21});
        for (size_t i = 0; i < elements; i += 3) tensor.data[i * DTypeSize(type)] = static_cast<std::byte>(i * 7 + name.size());
      }
      checkpoint.Write(cached.model_directory());
      const std::vector<float> plain = cached.Plain();
      Comparisons::Expect(plain, cached.Load().logits, model + " written");
      const Cached::Loaded again = cached.Load();
      EXPECT_TRUE(again.mapped);
      Comparisons::Expect(plain, again.logits, model + " mapped");
    }
  }
  Comparisons::Report("checkpoints of F32, F16 and BF16 with heads of their own, mapped and not");
}

TEST(PackedCache, AChangedCheckpointIsPackedAnew) {
  for (const std::string& model : ModelNames()) {
    const Cached cached(model);
    const std::vector<float> before = cached.Load().logits;
    const fs::path weights = cached.model_directory() / "model.safetensors", config = cached.model_directory() / "config.json";
    // A weight is another, in place; size, name, inode and the time of the last change as they were.
    const fs::file_time_type time = fs::last_write_time(weights);
    FlipBit(weights, fs::file_size(weights) - 2);
    fs::last_write_time(weights, time);
    cached.ExpectRebuilt("as it was before it changed", model + ": a weight");
    EXPECT_NE(cached.Plain(), before) << "the changed weight changes nothing, so the test shows nothing";
    // A file renamed over it, of the same bytes.
    WriteText(cached.folder() / "copy", FileText(weights));
    fs::rename(cached.folder() / "copy", weights);
    cached.ExpectRebuilt("as it was before it changed", model + ": another file");
    nlohmann::json changed = ReadJson(config);
    changed[model == "gpt2" ? "layer_norm_epsilon" : "rms_norm_eps"] = 0.01;
    WriteText(config, changed.dump());
    cached.ExpectRebuilt("as it was before it changed", model + ": config.json");
    // Another tensor's shape: a model of fewer layers.
    changed[model == "gpt2" ? "n_layer" : "num_hidden_layers"] = 1;
    changed.erase("layer_types");
    WriteText(config, changed.dump());
    cached.ExpectRebuilt("as it was before it changed", model + ": fewer layers");
  }
  Comparisons::Report("logits of checkpoints that changed after their weights were packed");
}

// In shards, whatever their names: each of them counts.
TEST(PackedCache, AChangedShardIsNoticed) {
  const Cached cached("gpt2");
  const Checkpoint whole = Checkpoint::Of("gpt2");
  nlohmann::json map = nlohmann::json::object();
  std::vector<NamedTensor> parts[2];
  for (const auto& [name, t] : whole.tensors) {
    const size_t part = map.size() % 2;
    parts[part].push_back({name, t.dtype, t.shape, t.data});
    map[name] = part == 0 ? "one.part" : "other.part";
  }
  const fs::path directory = cached.model_directory();
  fs::remove(directory / "model.safetensors");
  WriteSafetensors(directory / "one.part", parts[0]);
  WriteSafetensors(directory / "other.part", parts[1]);
  WriteText(directory / "model.safetensors.index.json", nlohmann::json{{"weight_map", map}}.dump());
  Comparisons::Expect(Logits(EngineOf("gpt2"), RandomIds(EngineOf("gpt2"), 21), {}), cached.Load().logits, "shards");
  EXPECT_TRUE(cached.Load().mapped);
  for (const char* part : {"one.part", "other.part"}) {
    FlipBit(directory / part, fs::file_size(directory / part) - 2);
    cached.ExpectRebuilt("as it was before it changed", part);
  }
  Comparisons::Report("logits of a checkpoint in shards of which each changed");
}

TEST(PackedCache, TruncatedAndDamagedFilesAreNeverUsed) {
  size_t damaged = 0, truncated = 0;
  for (const std::string& model : ModelNames()) {
    const Cached cached(model);
    cached.Load();
    const fs::path file = cached.File();
    const uint64_t size = fs::file_size(file);
    uint64_t begin = 0, table = 0;  // of the image, and bytes of the table: where Start has them
    const std::string text = FileText(file);
    std::memcpy(&begin, text.data() + 88, sizeof(begin));
    std::memcpy(&table, text.data() + 104, sizeof(table));
    ASSERT_EQ(begin, uint64_t{2} << 20);
    for (const uint64_t cut : {uint64_t{0}, uint64_t{1}, uint64_t{111}, uint64_t{112}, uint64_t{4096}, begin, begin + 1, size - 1}) {
      fs::resize_file(file, cut);
      cached.ExpectRebuilt("are cut short", model + " cut to " + std::to_string(cut));
      ++truncated;
    }
    fs::resize_file(file, size + 1);
    cached.ExpectRebuilt("have grown", model + " grown");
    const uint64_t sums = 112 + table, hash = sums + 8 * ((size - begin + (1 << 20) - 1) >> 20);
    // Magic; layout; byte order; place; key; where and how long the image is; the table; checksums; the header's hash.
    const std::pair<uint64_t, const char*> headers[] = {
        {0, "are no packed weights"}, {15, "are no packed weights"}, {16, "of another release"}, {20, "another kind of machine"},
        {24, "are damaged"}, {56, "are damaged"}, {88, "are "}, {95, "are damaged"}, {96, "are "}, {103, "are damaged"}, {104, "are damaged"},
        {111, "are damaged"}, {112, "are damaged"}, {112 + table / 2, "are damaged"}, {sums, "are damaged"}, {hash - 1, "are damaged"},
        {hash, "are damaged"}, {hash + 31, "are damaged"}};
    for (const auto& [at, why] : headers) {
      FlipBit(file, at);
      cached.ExpectRebuilt(why, model + " header byte " + std::to_string(at));
      ++damaged;
    }
    for (uint64_t at = begin; at < size; at += (size - begin) / 9) {
      FlipBit(file, at);
      cached.ExpectRebuilt("are damaged", model + " byte " + std::to_string(at));
      ++damaged;
    }
    FlipBit(file, size - 1);
    cached.ExpectRebuilt("are damaged", model + " last byte");
    // Pages that a power cut left empty.
    Overwrite(file, begin + 4096, std::string(4096, '\0'));
    cached.ExpectRebuilt("are damaged", model + " an empty page");
  }
  std::printf("%zu truncated and %zu damaged files refused\n", truncated, damaged);
  Comparisons::Report("logits of models whose packed weights were truncated or damaged");
}

TEST(PackedCache, ForeignFilesAreNeverUsed) {
  const Cached gpt2("gpt2"), qwen3("qwen3");
  gpt2.Load(), qwen3.Load();
  fs::copy_file(gpt2.File(), qwen3.File(), fs::copy_options::overwrite_existing);
  qwen3.ExpectRebuilt("are of another checkpoint", "gpt2's");
  WriteText(qwen3.File(), std::string(5000, 'x'));
  qwen3.ExpectRebuilt("are no packed weights", "text");
  fs::copy_file(qwen3.model_directory() / "model.safetensors", qwen3.File(), fs::copy_options::overwrite_existing);
  qwen3.ExpectRebuilt("are no packed weights", "safetensors");
  // The same weights at another place are another checkpoint: it could change alone.
  const Cached twin("gpt2");
  twin.Load();
  fs::copy_file(gpt2.File(), twin.File(), fs::copy_options::overwrite_existing);
  twin.ExpectRebuilt("are of another checkpoint", "a twin's");
  // Anybody's to write: nobody's to trust.
  fs::permissions(qwen3.File(), fs::perms::others_write, fs::perm_options::add);
  qwen3.ExpectRebuilt("another user", "anybody's");
  if (::geteuid() == 0) {
    const Cached foreign("qwen3");
    foreign.Load();
    ASSERT_EQ(::chown(foreign.File().c_str(), 12345, 12345), 0);
    foreign.ExpectRebuilt("another user", "another user's");
  }
  // A name that is no file's.
  const fs::path file = gpt2.File();
  fs::remove(file);
  fs::create_directory(file);
  const Cached::Loaded directory = gpt2.Load();
  EXPECT_EQ(directory.notes.size(), 2u);  // neither read nor written
  EXPECT_FALSE(directory.mapped);
  Comparisons::Expect(gpt2.Plain(), directory.logits, "a directory");
  Comparisons::Report("logits of models whose packed weights were another file");
}

TEST(PackedCache, AFailingWriteIsOneNoteAndTheModelLoads) {
  const Cached cached("qwen3");
  const std::vector<float> plain = cached.Plain();
  WriteText(cached.folder() / "file", "");
  for (const fs::path& directory : {cached.folder() / "file" / "x", cached.folder() / "none" / "deeper", fs::path("/proc/none")}) {
    const Cached::Loaded loaded = cached.Load(2, directory);
    ASSERT_EQ(loaded.notes.size(), 1u) << directory;
    EXPECT_NE(loaded.notes[0].find("the packed weights are not kept"), std::string::npos) << loaded.notes[0];
    Comparisons::Expect(plain, loaded.logits, directory.string());
  }
  // In the middle of the file, as on a full disk.
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit small = {3 << 20, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Cached::Loaded full = cached.Load();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_EQ(full.notes.size(), 1u);
  EXPECT_NE(full.notes[0].find("the packed weights are not kept"), std::string::npos) << full.notes[0];
  EXPECT_TRUE(fs::is_empty(cached.cache())) << "something half written is left";
  Comparisons::Expect(plain, full.logits, "a full disk");
  EXPECT_TRUE(cached.Load().notes.empty());
  EXPECT_TRUE(cached.Load().mapped);
  Comparisons::Report("logits of models whose packed weights could not be written");
}

TEST(PackedCache, AChangeWhileLoadingKeepsNothing) {
  const Cached cached("gpt2");
  std::vector<std::string> notes;
  const LoadOptions options{cached.cache(), [&](const std::string& text) { notes.push_back(text); }};
  const std::string image(100'000, 'w');
  ThreadPool pool(2);
  const PackedCache early(cached.model_directory(), options);
  const fs::path weights = cached.model_directory() / "model.safetensors";
  FlipBit(weights, fs::file_size(weights) - 2);
  early.Write("table\n", image.data(), image.size(), pool);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("changed while it was loaded"), std::string::npos) << notes[0];
  EXPECT_FALSE(fs::exists(early.file()));
  // Unchanged, it is kept, for that table and length alone.
  const PackedCache cache(cached.model_directory(), options);
  cache.Write("table\n", image.data(), image.size(), pool);
  const std::optional<MappedFile> mapped = cache.Map("table\n", image.size(), pool);
  ASSERT_TRUE(mapped.has_value());
  ASSERT_EQ(mapped->size(), image.size());
  EXPECT_EQ(std::memcmp(mapped->data(), image.data(), image.size()), 0);
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_FALSE(cache.Map("tablet", image.size(), pool).has_value());
  EXPECT_FALSE(cache.Map("table\n", image.size() - 1, pool).has_value());
  EXPECT_EQ(notes.size(), 3u);
}

TEST(PackedCache, PagesThatCannotBeReadAreNotTouched) {
  const TemporaryDirectory folder;
  constexpr size_t kPages = size_t{64} << 10;  // of any system
  WriteText(folder / "x", std::string(2 * kPages, 'x'));
  const auto file = FileReader::Open(folder / "x");
  const MappedFile mapped(*file, 0, 3 * kPages);
  if (!mapped.Readable(0, kPages)) GTEST_SKIP() << "this system does not tell what can be read; Linux does since 5.14";
  EXPECT_TRUE(mapped.Readable(0, 2 * kPages));
  EXPECT_EQ(static_cast<const char*>(mapped.data())[2 * kPages - 1], 'x');
  EXPECT_FALSE(mapped.Readable(2 * kPages, kPages)) << "beyond the end: touching that is SIGBUS";
  EXPECT_FALSE(mapped.Readable(0, 3 * kPages));
}

#if defined(MADV_POPULATE_READ)
// From now on this thread, and those that it starts, have a system that does not know MADV_POPULATE_READ, and, where that is
// asked for, a disk that fails to give 256 KiB at a time.
bool ForgetReadable(bool and_fail) {
  constexpr auto kLow = static_cast<uint32_t>(offsetof(seccomp_data, args[2]));  // the lower half, of a little-endian machine
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_POPULATE_READ, 0, 5),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kLow),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 256 << 10, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, and_fail ? SECCOMP_RET_ERRNO | EIO : SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(PackedCache, IsReadThroughABufferWhereTheSystemDoesNotSayWhatCanBeRead) {
  const Cached cached("qwen3");
  const Cached::Loaded known = cached.Load();
  std::thread older([&] {
    ASSERT_TRUE(ForgetReadable(false));
    const TemporaryDirectory folder;
    WriteText(folder / "x", "x");
    ASSERT_FALSE(MappedFile(*FileReader::Open(folder / "x"), 0, 1).Readable(0, 1));
    const Cached::Loaded loaded = cached.Load();
    EXPECT_EQ(loaded.notes, std::vector<std::string>());
    EXPECT_TRUE(loaded.mapped);
    Comparisons::Expect(known.logits, loaded.logits, "through a buffer");
    const fs::path file = cached.File();
    FlipBit(file, fs::file_size(file) - 1);
    cached.ExpectRebuilt("are damaged", "last byte");
  });
  older.join();
  // What cannot be read is told of, and not touched.
  const Cached other("gpt2");
  std::vector<std::string> notes;
  const PackedCache cache(other.model_directory(), {other.cache(), [&](const std::string& text) { notes.push_back(text); }});
  const std::string image(size_t{1} << 20, 'w');
  {
    ThreadPool pool(2);
    cache.Write("table\n", image.data(), image.size(), pool);
    EXPECT_TRUE(cache.Map("table\n", image.size(), pool).has_value());
  }
  ASSERT_EQ(notes, std::vector<std::string>());
  std::thread failing([&] {
    ASSERT_TRUE(ForgetReadable(true));
    ThreadPool pool(2);
    EXPECT_FALSE(cache.Map("table\n", image.size(), pool).has_value());
  });
  failing.join();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("Input/output error"), std::string::npos) << notes[0];
  Comparisons::Report("logits of a model whose packed weights were read through a buffer");
}
#endif

// A checkpoint that is refused leaves nothing, and a file that is mapped is not read into memory that is not there.
TEST(PackedCache, ARefusedCheckpointIsNotKept) {
  const Cached cached("gpt2");
  Checkpoint checkpoint = Checkpoint::Of("gpt2");
  Checkpoint::Tensor& tensor = checkpoint.tensors.at("transformer.h.1.mlp.c_fc.weight");
  ASSERT_EQ(tensor.dtype, DType::kF32);
  const uint32_t nan = 0x7FC00000u;
  std::memcpy(tensor.data.data() + 400, &nan, sizeof(nan));
  checkpoint.Write(cached.model_directory());
  ExpectRefusal([&] { cached.Load(); }, {"c_fc.weight", "NaN"});
  EXPECT_FALSE(fs::exists(cached.cache()));
}

// A program that catches signals while it loads (runtime/cli/common.cc) is ended by them all the same.
TEST(PackedCache, AnInterruptEndsTheLoadAndLeavesNothing) {
  const Cached cached("qwen3");
  NoteInterrupt(SIGINT);
  EXPECT_THROW(cached.Load(), Interrupted);
  EXPECT_TRUE(fs::is_empty(cached.cache())) << "something half written is left";
  NoteInterrupt(0);
  EXPECT_TRUE(cached.Load().notes.empty());
  NoteInterrupt(SIGINT);
  EXPECT_THROW(cached.Load(), Interrupted) << "nothing is written where weights are mapped, and the signal is lost";
  NoteInterrupt(0);
  EXPECT_TRUE(cached.Load().mapped);
}

TEST(PackedCache, ProcessesThatWriteAtOnceLeaveOneWholeFile) {
  const Cached cached("qwen3");
  const std::string program = INVAR_PROGRAM;
  if (program.empty()) GTEST_SKIP() << "the program is not built";
  const std::vector<std::string> arguments = {"logits", "-m", cached.model_directory().string(), "--ids", "1,2,3,4,5"};
  const Outcome plain = RunProgram(program, arguments);
  ASSERT_EQ(plain.code, 0) << plain.err;
  std::vector<Outcome> outcomes(6);
  std::vector<std::thread> threads;
  for (Outcome& outcome : outcomes) {
    threads.emplace_back([&] { outcome = RunProgram(program, arguments, "", {"INVAR_PACKED_CACHE=" + cached.cache().string()}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.out, plain.out);
  }
  cached.File();  // one, and none of a temporary name
  EXPECT_TRUE(cached.Load().mapped);
  std::printf("%zu processes at once, the same line each\n", outcomes.size());
}

// By the flag, of every command that loads a model: what it prints is the same, and the second says nothing more.
TEST(PackedCache, EveryCommandTakesIt) {
  const Cached cached("gpt2");
  const std::string program = INVAR_PROGRAM, model = cached.model_directory().string();
  if (program.empty()) GTEST_SKIP() << "the program is not built";
  const std::vector<std::vector<std::string>> commands = {
      {"generate", "-m", model, "-p", "ROMEO:", "-n", "8", "-q", "--receipt", (cached.folder() / "receipt").string()},
      {"replay", (cached.folder() / "receipt").string(), "-m", model},
      {"logits", "-m", model, "--ids", "1,2,3"},
      {"perplexity", "-m", model, "-p", "But soft, what light through yonder window breaks?"},
      {"verify", "-m", model, "--preset", "demo", "--length", "5"}};
  size_t runs = 0;
  for (const std::vector<std::string>& command : commands) {
    const Outcome plain = RunProgram(program, command);
    EXPECT_EQ(plain.code, 0) << command[0] << ": " << plain.err;
    std::vector<std::string> with = command;
    with.insert(with.end(), {"--packed-cache", cached.cache().string()});
    fs::remove_all(cached.cache());
    for (int round = 0; round < 2; ++round, ++runs) {
      const Outcome outcome = RunProgram(program, with);
      EXPECT_EQ(outcome.code, 0) << command[0];
      EXPECT_EQ(outcome.out, plain.out) << command[0];
      EXPECT_EQ(outcome.err, plain.err) << command[0];
      EXPECT_TRUE(fs::exists(cached.File())) << command[0];
    }
  }
  Overwrite(cached.File(), 200, "x");
  std::vector<std::string> with = commands[2];
  with.insert(with.end(), {"--packed-cache", cached.cache().string()});
  const Outcome damaged = RunProgram(program, with);
  EXPECT_EQ(damaged.code, 0);
  EXPECT_EQ(damaged.err.rfind("invar: the packed weights in ", 0), 0u) << damaged.err;
  EXPECT_EQ(std::count(damaged.err.begin(), damaged.err.end(), '\n'), 1) << damaged.err;
  std::printf("%zu commands with a cache printed what they print without\n", runs);
}

}  // namespace
}  // namespace invar::testing
