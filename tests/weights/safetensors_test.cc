// Safetensors files: what is written is what the reference implementation writes, and what is broken is refused with a
// sentence, never read past its end.
#include "runtime/weights/safetensors.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "tests/cli/process.h"
#include "tests/kernels/cases.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

// A file of that header and that many bytes of data.
std::string FileOf(const std::string& header, size_t data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return bytes + header + std::string(data, '\x11');
}

SafetensorsFile Parse(const std::string& bytes) {
  // Against the end of readable memory: reading past the file's end would crash.
  static std::unique_ptr<Guarded<char>> memory;
  memory = std::make_unique<Guarded<char>>(bytes.size());
  std::memcpy(memory->data(), bytes.data(), bytes.size());
  return SafetensorsFile::Parse(std::as_bytes(std::span(memory->data(), bytes.size())), "a file");
}

void ExpectRefused(const std::string& bytes, const std::string& word) {
  try {
    Parse(bytes);
    ADD_FAILURE() << "not refused: " << word;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
  }
}

TEST(Safetensors, RefusesWhatIsBroken) {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1,3],"data_offsets":[8,14]}})";
  EXPECT_EQ(Parse(FileOf(good, 14)).names(), (std::vector<std::string>{"a", "b"}));
  ExpectRefused("", "bytes");
  ExpectRefused("1234567", "bytes");
  ExpectRefused(std::string(8, '\xff'), "header");
  ExpectRefused(std::string("\x01\xE1\xF5\x05\0\0\0\0", 8) + "{}", "claims a header of 100000001 bytes");
  ExpectRefused(FileOf(good, 13), "incomplete");
  ExpectRefused(FileOf(good, 15), "after its last tensor");
  ExpectRefused(FileOf(good, 14).substr(0, 40), "ends within its header");
  ExpectRefused(FileOf("[]", 0), "JSON object");
  ExpectRefused(FileOf("{", 0), "header");
  ExpectRefused(FileOf("{} {}", 0), "header");
  ExpectRefused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS");
  const auto tensor = [](const std::string& fields) { return FileOf("{\"a\":{" + fields + "}}", 8); };
  ExpectRefused(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "shape [3]");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[4,8])"), "gap");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "order");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "negative");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "a");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8])"), "shape");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2])"), "data_offsets");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), "data_offsets");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), "data_offsets");
  ExpectRefused(tensor(R"("dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8])"), "two fields");
  ExpectRefused(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])"), "18446744073709551615");
  ExpectRefused(FileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})", 8),
                "twice");
  ExpectRefused(FileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
                "overlaps");
  // A type of later versions is refused where it is used, not where it lies.
  const SafetensorsFile later = Parse(FileOf(R"({"a":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}})", 8));
  EXPECT_THROW(later.Get("a"), Error);
  EXPECT_THROW(later.Get("b"), Error);
}

// Random damage: any outcome but a crash, and what is accepted lies within the file.
TEST(Safetensors, RandomDamageNeverCrashes) {
  const std::string good = FileOf(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[],"data_offsets":[8,9]}})", 9);
  Random random(77);
  size_t refused = 0, accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (size_t n = 1 + random.Below(4); n > 0; --n) {
      const size_t at = random.Below(bytes.size());
      switch (random.Below(4)) {
        case 0: bytes[at] = static_cast<char>(random.Bits()); break;
        case 1: bytes.erase(at, 1 + random.Below(5)); break;
        case 2: bytes.insert(at, 1 + random.Below(3), "0123456789[]{},:\"\\"[random.Below(18)]); break;
        case 3: bytes = bytes.substr(0, at); break;
      }
      if (bytes.empty()) break;
    }
    try {
      const SafetensorsFile file = Parse(bytes);
      for (const std::string& name : file.names()) {
        if (const TensorView* t = file.Find(name)) {
          std::vector<std::byte> copy(t->bytes);
          t->CopyTo(copy.data());
        }
      }
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, accepted);
  std::printf("%zu damaged files refused, %zu harmlessly damaged ones read\n", refused, accepted);
}

TEST(Safetensors, WritesWhatTheReferenceImplementationWrites) {
  // Written by safetensors 0.5 (Python): save_file({"b": f32 [2], "a": bf16 [1, 2], "c": i32 [0]}, metadata={"k": "v\""}).
  const TemporaryDirectory folder;
  const float b[2] = {1.5f, -2.0f};
  const uint16_t a[2] = {0x3F80, 0xC000};
  const auto bytes = [](const auto& x) { return std::as_bytes(std::span(x)); };
  WriteSafetensors(folder / "x.safetensors",
                   {{"b", DType::kF32, {2}, bytes(b)}, {"a", DType::kBF16, {1, 2}, bytes(a)}, {"c", DType::kI32, {0}, {}}},
                   {{"k", "v\""}});
  EXPECT_EQ(FileText(folder / "x.safetensors"), FileText(SourceDir() / "tests/weights/written_by_reference.safetensors"));
  const SafetensorsFile file = SafetensorsFile::Open(folder / "x.safetensors");
  EXPECT_EQ(TensorValues<float>(file, "b"), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(file.metadata().at("k"), "v\"");
  EXPECT_EQ(file.Get("a").shape, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

// The bundled checkpoint cut into shards gives the same tensors; an index that lies is refused.
TEST(Safetensors, Shards) {
  const TemporaryDirectory folder;
  const SafetensorsFile whole = SafetensorsFile::Open(ModelDir("qwen3") / "model.safetensors");
  std::vector<NamedTensor> parts[3];
  nlohmann::json index = {{"metadata", {{"total_size", 1}}}};
  std::map<std::string, std::vector<std::byte>> data;
  for (size_t i = 0; i < whole.names().size(); ++i) {
    const TensorView& t = whole.Get(whole.names()[i]);
    data[t.name].resize(t.bytes);
    t.CopyTo(data[t.name].data());
    parts[i % 3].push_back({t.name, t.dtype, t.shape, data[t.name]});
    index["weight_map"][t.name] = "model-0000" + std::to_string(i % 3 + 1) + "-of-00003.safetensors";
  }
  for (size_t p = 0; p < 3; ++p) {
    WriteSafetensors(folder / ("model-0000" + std::to_string(p + 1) + "-of-00003.safetensors"), parts[p]);
  }
  const auto open = [&](const nlohmann::json& j) {
    WriteText(folder / "model.safetensors.index.json", j.dump());
    return SafetensorsCheckpoint::Open(folder.path());
  };
  const SafetensorsCheckpoint sharded = open(index);
  EXPECT_EQ(sharded.names(), whole.names());
  for (const std::string& name : whole.names()) {
    const TensorView &a = whole.Get(name), &b = sharded.Get(name);
    ASSERT_EQ(a.bytes, b.bytes);
    std::vector<std::byte> found(b.bytes);
    b.CopyTo(found.data());
    EXPECT_EQ(found, data[name]) << name;
  }
  const auto refused = [&](auto change, const std::string& word) {
    nlohmann::json changed = index;
    change(changed);
    try {
      open(changed);
      ADD_FAILURE() << "not refused: " << word;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
    }
  };
  refused([](auto& j) { j.erase("weight_map"); }, "weight_map");
  refused([](auto& j) { j["weight_map"] = 3; }, "weight_map");
  refused([](auto& j) { j["weight_map"].begin().value() = 3; }, "weight_map");
  refused([](auto& j) { j["weight_map"].begin().value() = "../other.safetensors"; }, "other.safetensors");
  refused([](auto& j) { j["weight_map"].begin().value() = "/etc/passwd"; }, "passwd");
  refused([](auto& j) { j["weight_map"].begin().value() = "model-00009-of-00003.safetensors"; }, "model-00009");
  refused([](auto& j) { auto& first = j["weight_map"].begin().value(); first = first == "model-00001-of-00003.safetensors" ? "model-00002-of-00003.safetensors" : "model-00001-of-00003.safetensors"; }, "is ");
  refused([](auto& j) { j["weight_map"]["no.such.tensor"] = "model-00001-of-00003.safetensors"; }, "no.such.tensor");
  WriteText(folder / "model.safetensors.index.json", "{");
  EXPECT_THROW(SafetensorsCheckpoint::Open(folder.path()), Error);
}

TEST(Safetensors, DirectoriesWithoutWeights) {
  const TemporaryDirectory folder;
  EXPECT_THROW(SafetensorsCheckpoint::Open(folder.path()), Error);
  EXPECT_THROW(SafetensorsCheckpoint::Open(folder / "none"), Error);
  WriteText(folder / "pytorch_model.bin", "x");
  try {
    SafetensorsCheckpoint::Open(folder.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("pytorch_model.bin"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace invar::testing
