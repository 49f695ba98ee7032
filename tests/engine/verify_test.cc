// Verification finds a defect and says where it is: one kernel is replaced by one that is wrong in a single bit.
#include <algorithm>

#include "runtime/engine/verify.h"
#include "tests/model/bundled.h"
#include "tests/support/refusal.h"

namespace invar::testing {
namespace {

// A bit in the middle: one unit in the last place may be rounded away again before it reaches a logit.
void FlipBit(float& x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  bits ^= 1u << 12;
  std::memcpy(&x, &bits, sizeof(bits));
}

// The true kernels, called by the false ones.
void (*true_swiglu)(const invar_map_args*);
void (*true_rope)(const invar_rope_args*);
size_t calls;

TEST(Verify, FindsNothingWhereNothingIsWrong) {
  for (const std::string& model : ModelNames()) {
    const Engine& engine = EngineOf(model);
    VerifyOptions options;
    options.model_directory = ModelDir(model);
    options.ids = RandomIds(engine, 12);
    options.cases = VerifyCases(VerifyPreset::kDemo, SupportedIsas(), options.ids.size());
    const std::vector<VerifyResult> results = Verify(engine, options);
    ASSERT_EQ(results.size(), options.cases.size());
    size_t compared = 0;
    for (const VerifyResult& r : results) {
      EXPECT_FALSE(r.mismatch.has_value());
      EXPECT_EQ(r.fingerprint, results[0].fingerprint);
      compared += r.values;
    }
    EXPECT_EQ(compared, (results.size() - 1) * 12 * engine.vocab_size());
  }
}

// Runs two cases, the second with `broken` kernels.
Mismatch Find(const std::string& model, const Kernels& broken, size_t chunk) {
  const Engine& engine = EngineOf(model);
  VerifyOptions options;
  options.ids = RandomIds(engine, 20);
  options.cases = {{"", 1, 1, 0, false}, {"broken", 1, 1, chunk, false}};
  options.kernels = [&](const std::string& isa) -> const Kernels& { return isa == "broken" ? broken : Kernels::Of(""); };
  const std::vector<VerifyResult> results = Verify(engine, options);
  EXPECT_EQ(results.size(), 2u);
  EXPECT_TRUE(results.back().mismatch.has_value()) << "the defect was not found";
  return results.back().mismatch.value_or(Mismatch{});
}

TEST(Verify, LocatesADefectByLayerTensorPositionAndIndex) {
  Kernels broken = Kernels::Of("");
  true_swiglu = broken.swiglu;
  // The row of position 13 of the second layer: rows are 20 to a layer where the text is fed whole.
  calls = 0;
  broken.swiglu = [](const invar_map_args* args) {
    true_swiglu(args);
    // Rows may come several to a call: count values.
    constexpr size_t kWidth = 384;
    for (size_t i = 0; i < args->n; ++i, ++calls) {
      if (calls % (4 * 20 * kWidth) == (20 + 13) * kWidth + 100) FlipBit(args->y[i]);
    }
  };
  ASSERT_EQ(EngineOf("qwen3").model().config().intermediate_size, 384u);
  ASSERT_EQ(EngineOf("qwen3").model().config().layers, 4u);
  const Mismatch found = Find("qwen3", broken, 0);
  EXPECT_EQ(found.layer, 1);
  EXPECT_EQ(found.position, 13u);
  EXPECT_NE(std::memcmp(&found.expected, &found.found, sizeof(float)), 0);
  std::printf("located: %s, layer %d, position %zu, index %zu, %a instead of %a\n", found.tensor.c_str(), found.layer,
              found.position, found.index, static_cast<double>(found.found), static_cast<double>(found.expected));
}

TEST(Verify, LocatesADefectInAChunkedRun) {
  Kernels broken = Kernels::Of("");
  true_rope = broken.rope;
  // The second half of the first head of the first row of every call.
  broken.rope = [](const invar_rope_args* args) {
    true_rope(args);
    FlipBit(args->x[args->dimension - 1]);
  };
  const Mismatch found = Find("qwen3", broken, 7);
  EXPECT_EQ(found.layer, 0);
  EXPECT_EQ(found.position, 0u);
  std::printf("located: %s, layer %d, position %zu, index %zu\n", found.tensor.c_str(), found.layer, found.position,
              found.index);
}

// Against fingerprints made elsewhere: as many comparisons as ways, and where the first of them parts.
struct Elsewhere {
  const Engine& engine = EngineOf("qwen3");
  FingerprintFile file;
  VerifyOptions options;
  Elsewhere() {
    file = MakeFingerprints(engine, RandomIds(engine, 12), {std::string(64, 'a'), std::string(64, 'b'), "decoder", 1}, {});
    options.model_directory = ModelDir("qwen3");
    options.ids = file.ids;
    options.cases = VerifyCases(VerifyPreset::kDemo, SupportedIsas(), file.ids.size());
    options.expected = &file;
  }
  VerifyResult Last() const { return Verify(engine, options).back(); }
};

TEST(VerifyAgainst, AFileIsTheSameForEveryWay) {
  const Elsewhere here;
  const std::string text = here.file.Text();
  EXPECT_EQ(here.file.positions.size(), 12u);
  EXPECT_EQ(here.file.tensors.size(), 1u + 4u * 9u);
  EXPECT_EQ(FingerprintFile::Parse(text, "a file").Text(), text);
  for (const std::string& isa : SupportedIsas()) {
    Feeding feeding;
    feeding.kernels = &Kernels::Of(isa);
    feeding.chunk = 5;
    feeding.batch = 3;
    feeding.threads = 2;
    EXPECT_EQ(MakeFingerprints(here.engine, here.file.ids, here.file.header.model, feeding).Text(), text) << isa;
  }
  // The rows one by one are those of the text fed whole.
  const std::vector<float> logits = Logits(here.engine, here.file.ids, {});
  EXPECT_EQ(here.file.logits, Fingerprint(logits.data(), logits.size()));
  EXPECT_EQ(here.file.positions[7], Fingerprint(logits.data() + 7 * 1024, 1024));
}

TEST(VerifyAgainst, ComparesEveryWay) {
  const Elsewhere here;
  const std::vector<VerifyResult> results = Verify(here.engine, here.options);
  ASSERT_EQ(results.size(), here.options.cases.size());
  for (const VerifyResult& r : results) {
    EXPECT_TRUE(r.equal());
    EXPECT_EQ(r.values, 12u * 1024u);
  }
}

TEST(VerifyAgainst, SaysWhereItsLogitsPart) {
  Elsewhere here;
  const std::string other(64, '0'), found = here.file.positions[7];
  here.file.logits = here.file.positions[7] = here.file.positions[9] = other;
  const std::optional<Parting> parting = here.Last().parting;
  ASSERT_TRUE(parting.has_value());
  EXPECT_EQ(parting->position, 7u);
  EXPECT_EQ(parting->expected, other);
  EXPECT_EQ(parting->found, found);
  EXPECT_EQ(parting->tensor, "");
  here.file.positions[0] = other;
  EXPECT_EQ(here.Last().parting->position, 0u);
}

TEST(VerifyAgainst, SaysWhichTensorParts) {
  Elsewhere here;
  for (FingerprintFile::Tensor& t : here.file.tensors) {
    if (t.layer == 2 && t.name != "input_layernorm") t.sha256 = std::string(64, '0');
  }
  const std::optional<Parting> parting = here.Last().parting;
  ASSERT_TRUE(parting.has_value());  // the logits are the same all the same
  EXPECT_EQ(parting->position, std::nullopt);
  EXPECT_EQ(parting->tensor, "self_attn.v_proj");
  EXPECT_EQ(parting->layer, 2);
}

TEST(VerifyAgainst, AnotherReleasesTensorsSayNothing) {
  Elsewhere here;
  here.file.tensors[3].name = "another release's";
  EXPECT_TRUE(here.Last().equal());
  here.file.logits = std::string(64, '0');
  ExpectRefusal([&] { here.Last(); }, {"contradicts itself"});
}

TEST(VerifyAgainst, CountsTheTensorsThatAreCompared) {
  Elsewhere here;
  Coverage c = Cover(here.engine, here.file, "a file");
  EXPECT_EQ(c.compared, 37u);
  EXPECT_EQ(c.in_file, 37u);
  EXPECT_EQ(c.in_model, 37u);
  EXPECT_TRUE(c.passed_over.empty());
  here.file.tensors.resize(5);
  here.file.tensors[3].name = "another's\n";
  ExpectRefusal([&] { Cover(here.engine, here.file, "a file"); }, {"a file", "'another's\\x0a' of layer 0", "wrote it"});
  here.file.header.program = "0.0.1";
  c = Cover(here.engine, here.file, "a file");
  EXPECT_EQ(c.compared, 4u);
  EXPECT_EQ(c.in_file, 5u);
  EXPECT_EQ(c.in_model, 37u);
  ASSERT_EQ(c.passed_over.size(), 1u);
  EXPECT_EQ(c.passed_over[0], "'another's\\x0a' of layer 0");
  here.file.tensors[3].layer = 4;
  ExpectRefusal([&] { Cover(here.engine, here.file, "a file"); }, {"a file", "of layer 4", "4 layers"});
  here.file.ids[2] = 1024;
  ExpectRefusal([&] { Cover(here.engine, here.file, "a file"); }, {"a file", "1024", "vocabulary"});
  here.file.ids.assign(5000, 1);
  ExpectRefusal([&] { Cover(here.engine, here.file, "a file"); }, {"a file", "5000 ids", "positions"});
}

// The first way is sound, the second has a defect: both what the file says of it and the values are told.
TEST(VerifyAgainst, FindsADefectOfOneWay) {
  Elsewhere here;
  Kernels broken = Kernels::Of("");
  true_rope = broken.rope;
  broken.rope = [](const invar_rope_args* args) {
    true_rope(args);
    FlipBit(args->x[0]);
  };
  here.options.cases = {{"", 1, 1, 0, false}, {"broken", 1, 1, 5, false}};
  here.options.kernels = [&](const std::string& isa) -> const Kernels& { return isa == "broken" ? broken : Kernels::Of(""); };
  const std::vector<VerifyResult> results = Verify(here.engine, here.options);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0].equal());
  ASSERT_TRUE(results[1].parting && results[1].mismatch);
  EXPECT_EQ(results[1].parting->tensor, "rope(q_norm(q))");
  EXPECT_EQ(results[1].parting->layer, 0);
  // Position 0 sees itself alone, so that no score matters there.
  EXPECT_EQ(results[1].parting->position, 1u);
  EXPECT_EQ(results[1].mismatch->tensor, "rope(q_norm(q))");
}

TEST(VerifyAgainst, RefusesWhatIsNoFile) {
  using nlohmann::json;
  const json good = json::parse(Elsewhere().file.Text());
  const auto changed = [&](const char* at, const json& value, const std::vector<std::string>& words) {
    json bad = good;
    bad[json::json_pointer(at)] = value;
    ExpectRefusal([&] { FingerprintFile::Parse(bad.dump(), "a file"); }, words);
  };
  for (const auto& [name, value] : good.items()) {
    json bad = good;
    bad.erase(name);
    ExpectRefusal([&] { FingerprintFile::Parse(bad.dump(), "a file"); }, {"a file", name});
    changed(("/" + name).c_str(), nullptr, {"a file", name});
  }
  changed("/format", "invar receipt", {"invar fingerprints"});
  changed("/ids", json::array(), {"no ids"});
  changed("/ids/3", -1, {"ids[3]"});
  changed("/ids", {1, 2}, {"contradicts itself", "12 positions_sha256", "2 ids"});
  changed("/positions_sha256/4", "abc", {"positions_sha256[4]"});
  changed("/tensors", json::array(), {"a file", "no tensors"});
  changed("/tensors/2", good["tensors"][1], {"tensors[2]", "already"});
  changed("/tensors/2", 7, {"tensors[2]"});
  changed("/tensors/2/layer", -1, {"tensors[2]", "layer"});
  changed("/tensors/2/sha256", 0, {"tensors[2]", "sha256"});
  changed("/tensors/2/note", "x", {"tensors[2]", "note"});
  changed("/note", "x", {"note"});
}

}  // namespace
}  // namespace invar::testing
