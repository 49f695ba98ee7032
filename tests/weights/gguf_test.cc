// GGUF files: what is whole is read, and what is broken is refused with a sentence, never read past its end.
#include "runtime/weights/gguf.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/model/gguf_model.h"
#include "runtime/model/convert.h"
#include "runtime/model/model.h"
#include "runtime/model/model_hash.h"
#include "runtime/text/chat_template.h"
#include "runtime/text/gguf_tokenizer.h"
#include "runtime/text/tokenizer.h"
#include "tests/cli/process.h"
#include "tests/kernels/cases.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

template <class T>
std::string Le(T value, size_t bytes = sizeof(T)) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
  return text;
}
std::string F32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return Le(bits);
}
std::string Text(const std::string& text) { return Le(uint64_t{text.size()}) + text; }

enum Type : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
std::string Key(const std::string& name, uint32_t type, const std::string& value) { return Text(name) + Le(type) + value; }
std::string KeyOf(const std::string& name, const std::string& text) { return Key(name, kString, Text(text)); }
std::string KeyOf(const std::string& name, uint32_t number) { return Key(name, kU32, Le(number)); }
std::string ArrayOf(const std::string& name, const std::vector<std::string>& texts) {
  std::string value = Le(uint32_t{kString}) + Le(uint64_t{texts.size()});
  for (const std::string& t : texts) value += Text(t);
  return Key(name, kArray, value);
}

struct Tensor {
  std::string name;
  std::vector<uint64_t> extents;  // fastest first, as the file has them
  uint32_t type;
  uint64_t offset;
};

struct Parts {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> keys;
  std::vector<Tensor> tensors;
  std::string data;
  size_t alignment = 32;

  std::string File() const {
    std::string file = magic + Le(version) + Le(uint64_t{tensors.size()}) + Le(uint64_t{keys.size()});
    for (const std::string& key : keys) file += key;
    for (const Tensor& t : tensors) {
      file += Text(t.name) + Le(static_cast<uint32_t>(t.extents.size()));
      for (const uint64_t extent : t.extents) file += Le(extent);
      file += Le(t.type) + Le(t.offset);
    }
    file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
    return file + data;
  }
};

// Two tensors and a value of every type.
Parts Good() {
  Parts parts;
  parts.keys = {KeyOf("general.architecture", "llama"),
                KeyOf("a.u32", uint32_t{7}),
                Key("a.u8", kU8, Le(uint8_t{255})),
                Key("a.i8", kI8, Le(uint8_t{0x80})),
                Key("a.i16", kI16, Le(uint16_t{0xFFFE})),
                Key("a.u64", kU64, Le(UINT64_MAX)),
                Key("a.i64", kI64, Le(UINT64_MAX)),
                Key("a.f32", kF32, F32(1.5f)),
                Key("a.bool", kBool, "\1"),
                Key("a.f64", kF64, Le(uint64_t{0x3FF8000000000000})),
                ArrayOf("a.texts", {"one", "", "three"}),
                Key("a.numbers", kArray, Le(uint32_t{kI32}) + Le(uint64_t{2}) + Le(uint32_t{5}) + Le(uint32_t{0xFFFFFFFF})),
                Key("a.nested", kArray, Le(uint32_t{kArray}) + Le(uint64_t{1}) + Le(uint32_t{kU8}) + Le(uint64_t{3}) + "abc")};
  parts.tensors = {{"m", {3, 2}, 0, 0}, {"q", {32, 2}, 8, 32}};
  parts.data = std::string(32 + 68, '\x11');
  return parts;
}

std::unique_ptr<Guarded<char>> memory;

GgufFile Parse(const std::string& bytes) {
  // Against the end of readable memory: reading past the file's end would crash.
  memory = std::make_unique<Guarded<char>>(bytes.size());
  std::memcpy(memory->data(), bytes.data(), bytes.size());
  return GgufFile::Parse(std::as_bytes(std::span(memory->data(), bytes.size())), "a file");
}

void ExpectRefused(const std::string& bytes, const std::string& word) {
  try {
    Parse(bytes);
    ADD_FAILURE() << "not refused: " << word;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
  }
}

TEST(Gguf, ReadsEveryType) {
  for (const uint32_t version : {2u, 3u}) {
    Parts parts = Good();
    parts.version = version;
    const GgufFile file = Parse(parts.File());
    EXPECT_EQ(file.version(), version);
    EXPECT_EQ(file.String("general.architecture"), "llama");
    EXPECT_EQ(file.Integer("a.u32", 0, 100), 7);
    EXPECT_EQ(file.Integer("a.u8", 0, 300), 255);
    EXPECT_EQ(file.Integer("a.i8", -128, 0), -128);
    EXPECT_EQ(file.Integer("a.i16", -128, 0), -2);
    EXPECT_EQ(file.Integer("a.i64", -128, 0), -1);
    EXPECT_THROW(file.Integer("a.u64", INT64_MIN, INT64_MAX), Error);
    EXPECT_THROW(file.Integer("a.u32", 0, 6), Error);
    EXPECT_THROW(file.Integer("a.f32", 0, 6), Error);
    EXPECT_EQ(file.Float("a.f32"), 1.5f);
    EXPECT_EQ(file.Bool("a.bool"), true);
    EXPECT_EQ(file.Strings("a.texts"), (std::vector<std::string_view>{"one", "", "three"}));
    EXPECT_EQ(file.Integers("a.numbers"), (std::vector<int64_t>{5, -1}));
    EXPECT_THROW(file.Strings("a.numbers"), Error);
    EXPECT_EQ(file.Find("a.nested")->count, 1u);
    EXPECT_EQ(file.Integer("a.none", 0, 1), std::nullopt);
    ASSERT_EQ(file.tensors().size(), 2u);
    const GgufTensor& m = *file.FindTensor("m");
    EXPECT_EQ(m.shape, (std::vector<uint64_t>{2, 3}));
    EXPECT_EQ(m.dtype, DType::kF32);
    EXPECT_EQ(m.bytes, 24u);
    EXPECT_STREQ(file.FindTensor("q")->type_name, "Q8_0");
    EXPECT_EQ(file.FindTensor("q")->bytes, 68u);
    EXPECT_EQ(file.FindTensor("x"), nullptr);
  }
}

TEST(Gguf, RefusesWhatIsBroken) {
  const auto with = [](const auto& change) {
    Parts parts = Good();
    change(parts);
    return parts.File();
  };
  ExpectRefused("", "not a GGUF file");
  ExpectRefused("GGML", "not a GGUF file");
  ExpectRefused("FUGG\3\0\0\0", "big-endian");
  ExpectRefused(std::string("GGUF\0\0\0\3", 8) + std::string(16, '\0'), "big-endian");
  ExpectRefused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS");
  ExpectRefused(with([](Parts& p) { p.version = 1; }), "version 1");
  ExpectRefused(with([](Parts& p) { p.version = 4; }), "version 4");
  // Counts and lengths that lie must not be believed before they are compared with what is there.
  ExpectRefused("GGUF" + Le(uint32_t{3}) + Le(uint64_t{0}) + Le(UINT64_MAX), "metadata keys");
  ExpectRefused("GGUF" + Le(uint32_t{3}) + Le(UINT64_MAX) + Le(uint64_t{0}), "tensors");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Le(UINT64_MAX) + "x"); }), "a metadata key");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", kString, Le(UINT64_MAX))); }), "'x'");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", kArray, Le(uint32_t{kU8}) + Le(UINT64_MAX))); }), "elements of");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", kArray, Le(uint32_t{kU64}) + Le(UINT64_MAX / 8 + 2))); }), "elements of");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", kArray, Le(uint32_t{kString}) + Le(UINT64_MAX))); }), "elements of");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", 13, "")); }), "type 13");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(Key("x", kBool, "\2")); }), "bool");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("a.u32", uint32_t{7})); }), "'a.u32' twice");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("", uint32_t{7})); }), "without a key");
  ExpectRefused(with([](Parts& p) {
    std::string value;
    for (int i = 0; i < 100; ++i) value += Le(uint32_t{kArray}) + Le(uint64_t{1});
    p.keys.push_back(Key("x", kArray, value));
  }), "deeper");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("general.alignment", uint32_t{24})); }), "power of two");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("general.alignment", uint32_t{0})); }), "general.alignment");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("general.alignment", "32")); }), "general.alignment");
  ExpectRefused(with([](Parts& p) { p.keys.push_back(KeyOf("split.count", uint32_t{3})); }), "merge");
  ExpectRefused(with([](Parts& p) { p.tensors[1].name = "m"; }), "'m' twice");
  ExpectRefused(with([](Parts& p) { p.tensors[1].name = ""; }), "without a name");
  ExpectRefused(with([](Parts& p) { p.tensors[0].extents = {1, 1, 1, 1, 6}; }), "5 dimensions");
  ExpectRefused(with([](Parts& p) { p.tensors[0].extents = {UINT64_MAX, 2}; }), "overflows");
  ExpectRefused(with([](Parts& p) { p.tensors[0].extents = {uint64_t{1} << 32, uint64_t{1} << 32}; }), "overflows");
  ExpectRefused(with([](Parts& p) { p.tensors[0].extents = {uint64_t{1} << 40}; }), "holds only");
  ExpectRefused(with([](Parts& p) { p.tensors[1].extents = {31, 2}; }), "Q8_0 cannot store");
  ExpectRefused(with([](Parts& p) { p.tensors[0].type = 4; }), "type 4");
  ExpectRefused(with([](Parts& p) { p.tensors[0].type = 999; }), "type 999");
  ExpectRefused(with([](Parts& p) { p.tensors[1].offset = 33; }), "alignment");
  ExpectRefused(with([](Parts& p) { p.tensors[1].offset = 64; }), "gap");
  ExpectRefused(with([](Parts& p) { p.tensors[1].offset = 0; }), "overlaps");
  ExpectRefused(with([](Parts& p) { p.tensors[1].offset = UINT64_MAX - 31; }), "gap");
  ExpectRefused(with([](Parts& p) { p.data.pop_back(); }), "holds only");
  ExpectRefused(with([](Parts& p) { p.data += std::string(64, 'x'); }), "after its last tensor");
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::string good = Good().File();
  Parse(good);
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(Parse(good.substr(0, length)), Error) << length << " of " << good.size();
  }
}

// A small Llama with a SentencePiece vocabulary: everything from the file to the logits.
Parts SmallLlama() {
  Parts parts;
  const auto number = [](const std::string& name, uint32_t value) { return KeyOf("llama." + name, value); };
  parts.keys = {KeyOf("general.architecture", "llama"), number("context_length", 64), number("embedding_length", 8),
                number("feed_forward_length", 12), number("block_count", 1), number("attention.head_count", 2),
                number("attention.head_count_kv", 1), Key("llama.attention.layer_norm_rms_epsilon", kF32, F32(1e-5f)),
                Key("llama.rope.freq_base", kF32, F32(500000.0f)), KeyOf("tokenizer.ggml.model", "llama")};
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581a"};
  parts.keys.push_back(ArrayOf("tokenizer.ggml.tokens", tokens));
  std::string scores = Le(uint32_t{kF32}) + Le(uint64_t{tokens.size()}), types = Le(uint32_t{kI32}) + Le(uint64_t{tokens.size()});
  for (size_t i = 0; i < tokens.size(); ++i) scores += F32(-static_cast<float>(i));
  for (size_t i = 0; i < tokens.size(); ++i) types += Le(static_cast<uint32_t>(i == 0 ? 2 : i < 3 ? 3 : 1));
  parts.keys.push_back(Key("tokenizer.ggml.scores", kArray, scores));
  parts.keys.push_back(Key("tokenizer.ggml.token_type", kArray, types));
  parts.keys.push_back(KeyOf("tokenizer.ggml.bos_token_id", uint32_t{1}));
  parts.keys.push_back(KeyOf("tokenizer.ggml.eos_token_id", uint32_t{2}));
  const auto add = [&](const std::string& name, std::vector<uint64_t> extents) {
    uint64_t count = 1;
    for (const uint64_t extent : extents) count *= extent;
    parts.data.resize((parts.data.size() + 31) / 32 * 32, '\0');
    parts.tensors.push_back({name, std::move(extents), 0, parts.data.size()});
    for (uint64_t i = 0; i < count; ++i) {
      parts.data += F32(0.125f * static_cast<float>(static_cast<int>((i * 37 + parts.tensors.size() * 11) % 17) - 8));
    }
  };
  add("token_embd.weight", {8, 8});
  add("output_norm.weight", {8});
  for (const char* norm : {"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"}) add(norm, {8});
  add("blk.0.attn_q.weight", {8, 8});
  add("blk.0.attn_k.weight", {8, 4});
  add("blk.0.attn_v.weight", {8, 4});
  add("blk.0.attn_output.weight", {8, 8});
  add("blk.0.ffn_gate.weight", {8, 12});
  add("blk.0.ffn_up.weight", {8, 12});
  add("blk.0.ffn_down.weight", {12, 8});
  return parts;
}

TEST(Gguf, AFileIsAModel) {
  const TemporaryDirectory folder;
  WriteText(folder / "model.gguf", SmallLlama().File());
  const ModelConfig config = ModelConfig::Load(folder / "model.gguf");
  EXPECT_EQ(config.model_type, "llama");
  EXPECT_EQ(config.rope.theta, 500000.0);
  EXPECT_EQ(config.norm_epsilon, 1e-5);  // not the binary32's own decimals
  EXPECT_EQ(config.eos_token_ids, std::vector<int32_t>{2});
  EXPECT_TRUE(config.tie_word_embeddings);
  const Tokenizer tokenizer = Tokenizer::Load(folder.path());  // a directory with one GGUF file and no safetensors
  EXPECT_EQ(tokenizer.Encode("ab"), (std::vector<int32_t>{1, 3, 6}));
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode("a b")), "<s> a b");
  const Model::Needs needs = Model::Plan(folder.path());
  const Engine engine(folder.path(), EngineOptions{"", 1});
  EXPECT_EQ(needs.parameters, engine.model().parameters());
  EXPECT_EQ(needs.weight_bytes, engine.model().weight_bytes());
  EXPECT_EQ(Logits(engine, {1, 4, 5}, Feeding()).size(), 3u * 8u);
  // Rows of the query projection come out as transformers keeps them: halves, not pairs.
  const std::unique_ptr<WeightSource> weights = OpenWeights(folder.path());
  const TensorView& view = weights->Get("model.layers.0.self_attn.q_proj.weight");
  std::vector<float> ordered(64), stored(64), piece(13);
  view.CopyTo(ordered.data());
  view.Read(0, 64 * sizeof(float), stored.data());
  view.ReadElements(5, 13, piece.data());  // from the middle of a row to that of another
  EXPECT_EQ(piece, std::vector<float>(ordered.begin() + 5, ordered.begin() + 18));
  const size_t from[] = {0, 2, 1, 3, 4, 6, 5, 7};
  for (size_t r = 0; r < 8; ++r) {
    for (size_t c = 0; c < 8; ++c) EXPECT_EQ(ordered[r * 8 + c], stored[from[r] * 8 + c]) << r;
  }
  WriteText(folder / "second.gguf", "");
  EXPECT_THROW(ModelConfig::Load(folder.path()), Error);
}

TEST(Gguf, PackedWeightsAreKeptOfAFileToo) {
  const TemporaryDirectory folder;
  const std::string before = SmallLlama().File();
  std::string after = before;
  after[after.size() - 1] = static_cast<char>(after.back() ^ 0x01);  // a weight
  std::vector<std::vector<float>> logits;
  size_t notes = 0;
  for (const bool changed : {false, false, true, true}) {
    const std::string& bytes = changed ? after : before;
    if (FileText(folder / "model.gguf") != bytes) WriteText(folder / "model.gguf", bytes);
    EngineOptions options{"", 1};
    options.load = {folder / "packed", [&](const std::string&) { ++notes; }};
    logits.push_back(Logits(Engine(folder / "model.gguf", options), {1, 4, 5}, Feeding()));
    Comparisons::Expect(Logits(Engine(folder / "model.gguf", EngineOptions{"", 1}), {1, 4, 5}, Feeding()), logits.back(), "GGUF");
  }
  EXPECT_EQ(notes, 1u);  // of the file that changed
  EXPECT_NE(logits[0], logits[3]) << "the changed weight changes nothing, so the test shows nothing";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "packed"), std::filesystem::directory_iterator()), 1);
}

// A small GPT-2, whose matrices lie transposed to Hugging Face's.
Parts SmallGpt2() {
  Parts parts;
  const auto number = [](const std::string& name, uint32_t value) { return KeyOf("gpt2." + name, value); };
  parts.keys = {KeyOf("general.architecture", "gpt2"), number("context_length", 64), number("embedding_length", 8),
                number("feed_forward_length", 12), number("block_count", 1), number("attention.head_count", 2),
                Key("gpt2.attention.layer_norm_epsilon", kF32, F32(1e-5f)), KeyOf("tokenizer.ggml.model", "gpt2")};
  parts.keys.push_back(ArrayOf("tokenizer.ggml.tokens", {"a", "b", "c", "d", "ab", "cd"}));
  parts.keys.push_back(ArrayOf("tokenizer.ggml.merges", {"a b", "c d"}));
  const auto add = [&](const std::string& name, std::vector<uint64_t> extents) {
    uint64_t count = 1;
    for (const uint64_t extent : extents) count *= extent;
    parts.data.resize((parts.data.size() + 31) / 32 * 32, '\0');
    parts.tensors.push_back({name, std::move(extents), 0, parts.data.size()});
    for (uint64_t i = 0; i < count; ++i) parts.data += F32(static_cast<float>(i) + 0.25f * static_cast<float>(parts.tensors.size()));
  };
  const auto both = [&](const std::string& name, std::vector<uint64_t> extents) {
    add(name + ".weight", extents);
    add(name + ".bias", {extents.back()});
  };
  add("token_embd.weight", {8, 6});
  add("position_embd.weight", {8, 64});
  both("output_norm", {8});
  both("blk.0.attn_norm", {8});
  both("blk.0.ffn_norm", {8});
  both("blk.0.attn_qkv", {8, 24});
  both("blk.0.attn_output", {8, 8});
  both("blk.0.ffn_up", {8, 12});
  both("blk.0.ffn_down", {12, 8});
  return parts;
}

// Rows in rotary pairs, matrices that lie the other way round: the hash is of the values, as the checkpoint has them.
TEST(Gguf, HasTheHashOfTheCheckpoint) {
  for (const Parts& parts : {SmallLlama(), SmallGpt2()}) {
    const TemporaryDirectory folder;
    WriteText(folder / "model.gguf", parts.File());
    ConvertOptions options;
    options.type = DType::kF32;
    Convert(folder / "model.gguf", folder / "directory", options);
    const ModelHash gguf = HashModel(folder / "model.gguf", 2), directory = HashModel(folder / "directory", 1);
    EXPECT_EQ(gguf.tensor_lines, directory.tensor_lines);
    EXPECT_EQ(gguf.identity, directory.identity);
    Parts other = parts;
    other.data[other.data.size() - 2] = static_cast<char>(other.data[other.data.size() - 2] ^ 1);
    WriteText(folder / "model.gguf", other.File());
    EXPECT_NE(HashModel(folder / "model.gguf", 2).identity.weights, directory.identity.weights);
  }
}

// What is whole as a file but wrong as a model, and the sentence that says so.
TEST(Gguf, RefusesWrongModels) {
  const TemporaryDirectory folder;
  size_t refused = 0;
  const auto refuse = [&](const std::string& word, const auto& change) {
    Parts parts = SmallLlama();
    change(parts);
    WriteText(folder / "model.gguf", parts.File());
    try {
      Model::Plan(folder / "model.gguf");
      Tokenizer::Load(folder / "model.gguf");
      ADD_FAILURE() << "not refused: " << word;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
      ++refused;
    }
  };
  // Takes the place of the key with that name, or stands beside the others.
  const auto set = [](Parts& parts, const std::string& name, const std::string& key) {
    std::erase_if(parts.keys, [&](const std::string& k) { return k.starts_with(Text(name)); });
    if (!key.empty()) parts.keys.push_back(key);
  };
  const auto number = [&](const std::string& name, uint32_t value) {
    return [=](Parts& p) { set(p, "llama." + name, KeyOf("llama." + name, value)); };
  };
  const auto without = [&](const std::string& name) { return [=](Parts& p) { set(p, name, ""); }; };
  refuse("general.architecture", without("general.architecture"));
  refuse("general.architecture", [&](Parts& p) { set(p, "general.architecture", KeyOf("general.architecture", "mamba")); });
  refuse("at most the number of tensors", number("block_count", 1 << 24));
  refuse("layers.1.", number("block_count", 2));
  refuse("block_count", without("llama.block_count"));
  refuse("block_count", number("block_count", 0));
  refuse("embedding_length", number("embedding_length", 1u << 31));
  refuse("shape", number("embedding_length", 16));
  refuse("num_key_value_heads", number("attention.head_count_kv", 3));
  refuse("rms_epsilon", without("llama.attention.layer_norm_rms_epsilon"));
  refuse("rms_epsilon", [&](Parts& p) {
    set(p, "llama.attention.layer_norm_rms_epsilon", Key("llama.attention.layer_norm_rms_epsilon", kF32, Le(uint32_t{0x7FC00000})));
  });
  refuse("dimension_count", number("rope.dimension_count", 2));
  refuse("value_length", number("attention.value_length", 8));
  refuse("vocab_size", number("vocab_size", 9));
  refuse("logit_scale", [](Parts& p) { p.keys.push_back(Key("llama.logit_scale", kF32, F32(2))); });
  refuse("expert_count", number("expert_count", 8));
  refuse("rope.scaling.type", [](Parts& p) { p.keys.push_back(KeyOf("llama.rope.scaling.type", "longrope")); });
  refuse("rope.scaling.factor", [](Parts& p) { p.keys.push_back(KeyOf("llama.rope.scaling.type", "yarn")); });
  refuse("blk.0.ffn_norm_2.weight", [](Parts& p) { p.tensors[3].name = "blk.0.ffn_norm_2.weight"; });
  refuse("blk.00.ffn_norm.weight", [](Parts& p) { p.tensors[3].name = "blk.00.ffn_norm.weight"; });
  refuse("post_attention_layernorm", [](Parts& p) { p.tensors[3].name = "blk.7.ffn_norm.weight"; });
  // The last tensor in a quantised type: blocks of 32 elements, so its shape changes, too.
  refuse("'blk.0.ffn_down.weight' of", [](Parts& p) {
    p.tensors.back().extents = {32, 2};
    p.tensors.back().type = 8;
    p.data.resize(p.tensors.back().offset + 68);
  });
  refuse("Q8_0", [](Parts& p) {
    p.tensors.back().extents = {32, 2};
    p.tensors.back().type = 8;
    p.data.resize(p.tensors.back().offset + 68);
  });
  refuse("tokenizer.ggml.model", [&](Parts& p) { set(p, "tokenizer.ggml.model", KeyOf("tokenizer.ggml.model", "t5")); });
  refuse("tokenizer.ggml.pre", [&](Parts& p) { set(p, "tokenizer.ggml.model", KeyOf("tokenizer.ggml.model", "gpt2")); });
  refuse("tokenizer.ggml.scores", without("tokenizer.ggml.scores"));
  refuse("bos_token_id", without("tokenizer.ggml.bos_token_id"));
  refuse("bos_token_id", [&](Parts& p) { set(p, "tokenizer.ggml.bos_token_id", KeyOf("tokenizer.ggml.bos_token_id", uint32_t{8})); });
  refuse("no tokenizer", without("tokenizer.ggml.tokens"));
  refuse("text of another", [&](Parts& p) {
    set(p, "tokenizer.ggml.tokens", ArrayOf("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581", "a", "a", "ab", "b"}));
  });
  refuse("UTF-8", [&](Parts& p) {
    set(p, "tokenizer.ggml.tokens", ArrayOf("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\xff"}));
  });
  refuse("all equal", [&](Parts& p) {
    std::string scores = Le(uint32_t{kF32}) + Le(uint64_t{8});
    for (int i = 0; i < 8; ++i) scores += F32(-1000);
    set(p, "tokenizer.ggml.scores", Key("tokenizer.ggml.scores", kArray, scores));
  });
  std::printf("[ COMPARED ] %zu wrong models refused\n", refused);
}

// A sparse file of a terabyte whose counts claim that it is full of keys, and then of tensors: refused, in little memory.
TEST(Gguf, CountsOfAHugeFileAskForNoMemory) {
  const TemporaryDirectory folder;
  for (const bool tensors : {false, true}) {
    const uint64_t claimed = (uint64_t{1} << 40) / 32;
    WriteText(folder / "huge.gguf", "GGUF" + Le(uint32_t{3}) + Le(tensors ? claimed : 0) + Le(tensors ? 0 : claimed));
    std::error_code error;
    std::filesystem::resize_file(folder / "huge.gguf", uint64_t{1} << 40, error);
    if (error) GTEST_SKIP() << "no sparse files of that size here";
    EXPECT_THROW(GgufFile::Open(folder / "huge.gguf"), Error);
  }
}

TEST(Gguf, NamedChatTemplates) {
  Parts parts = SmallLlama();
  parts.keys.push_back(KeyOf("tokenizer.chat_template", "plain"));
  EXPECT_EQ(GgufTokenizerConfig(Parse(parts.File()))["chat_template"], "plain");
  parts.keys.push_back(KeyOf("tokenizer.chat_template.tool_use", "tools"));
  const TemporaryDirectory folder;
  WriteText(folder / "model.gguf", parts.File());
  const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", "x"}}};
  EXPECT_EQ(ChatTemplate::Load(folder / "model.gguf", false)->Render(messages, {}), "plain");
  EXPECT_EQ(ChatTemplate::Load(folder / "model.gguf", true)->Render(messages, {}), "tools");
}

TEST(Gguf, Llama3FactorsAreRecognised) {
  for (const double factor : {8.0, 32.0, 4.5}) {
    RopeParameters rope;
    rope.theta = 500000.0;
    rope.dimension = 128;
    const std::vector<float> plain = RopeFrequencies(rope);
    rope.kind = RopeParameters::Kind::kLlama3;
    rope.factor = factor;
    rope.original_max_position_embeddings = 8192;
    const std::vector<float> scaled = RopeFrequencies(rope);
    std::vector<float> factors;
    for (size_t i = 0; i < plain.size(); ++i) {
      // Converters write the factor itself where it applies in full.
      const float ratio = plain[i] / scaled[i], whole = static_cast<float>(factor);
      factors.push_back(ratio > whole * 0.999999f ? whole : ratio);
    }
    const auto found = Llama3Scaling(factors, rope.theta);
    ASSERT_TRUE(found) << factor;
    EXPECT_EQ((*found)["factor"], factor);
    EXPECT_EQ((*found)["original_max_position_embeddings"], 8192);
    factors[40] *= 1.01f;
    EXPECT_FALSE(Llama3Scaling(factors, rope.theta));
  }
}

TEST(Gguf, ShortestDecimals) {
  EXPECT_EQ(ConfigDecimal(1e-6f), 1e-6);
  EXPECT_EQ(ConfigDecimal(0.1f), 0.1);
  EXPECT_EQ(ConfigDecimal(1e6f), 1e6);
  EXPECT_EQ(ConfigDecimal(16777216.0f), 16777216.0);
}

// Random damage of whole models: any outcome but a crash. What is accepted is asked for everything.
TEST(Gguf, RandomDamageNeverCrashes) {
  Random random(78);
  size_t refused = 0, accepted = 0;
  for (const std::string& good : {Good().File(), SmallLlama().File()}) {
    const TemporaryDirectory folder;
    for (int i = 0; i < (SmallScale() ? 3000 : 20000); ++i) {
      std::string bytes = good;
      const size_t changes = 1 + random.Below(4);
      for (size_t c = 0; c < changes; ++c) {
        const size_t at = random.Below(std::min<size_t>(bytes.size(), 1400));
        switch (random.Below(4)) {
          case 0:
            bytes[at] = static_cast<char>(random.Bits());
            break;
          case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.Below(8));
            break;
          case 2:
            bytes.replace(at, 8, Le(random.Bits() >> random.Below(64)));
            break;
          default:
            bytes.erase(at, random.Below(9));
        }
      }
      try {
        const GgufFile file = Parse(bytes);
        for (const GgufTensor& t : file.tensors()) {
          if (t.dtype == DType::kUnknown) continue;
          const TensorView view = file.ViewOf(t);
          std::vector<std::byte> copy(static_cast<size_t>(view.bytes));
          view.CopyTo(copy.data());
        }
        Tokenizer::FromJson(GgufTokenizer(file), "a file").Encode("ab a \n");
        ModelConfig::FromJson(GgufConfig(file), "a file");
        ++accepted;
      } catch (const Error&) {
        ++refused;
      }
      if (i % 100 != 0) continue;
      WriteText(folder / "damaged.gguf", bytes);
      try {
        OpenGgufWeights(folder / "damaged.gguf");
        Model::Plan(folder / "damaged.gguf");
      } catch (const Error&) {
      }
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(accepted, 0u);
  std::printf("[ COMPARED ] %zu damaged files refused, %zu accepted\n", refused, accepted);
}

}  // namespace
}  // namespace invar::testing
