// generate --receipt, replay, verify --export and --against, inspect --hash: the program as an auditor meets it.
#include "invar/kernels.h"
#include "runtime/base/sha256.h"
#include "runtime/base/version.h"
#include "runtime/kernels/selection.h"
#include "tests/cli/process.h"
#include "tests/model/checkpoint.h"

namespace invar::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string Gpt2() { return ModelDir("gpt2").string(); }
std::string Qwen3() { return ModelDir("qwen3").string(); }

Outcome Invar(const std::vector<std::string>& arguments, const std::string& input = "") {
  return RunProgram(INVAR_PROGRAM, arguments, input);
}

using Words = std::vector<std::string>;

// One sentence on standard error that holds each of `words`, nothing on standard output.
void ExpectRefused(const Outcome& o, int code, const Words& words) {
  EXPECT_EQ(o.code, code) << o.out << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  for (const std::string& word : words) EXPECT_NE(o.err.find(word), std::string::npos) << "no " << word << " in " << o.err;
}

struct Folder {
  TemporaryDirectory folder;
  std::string operator/(const std::string& name) const { return (folder / name).string(); }

  // The receipt of a run, as text.
  std::string Receipt(Words arguments) const {
    const std::string file = *this / "receipt.json";
    arguments.insert(arguments.begin(), "generate");
    arguments.insert(arguments.end(), {"--receipt", file, "-q"});
    const Outcome o = Invar(arguments);
    EXPECT_EQ(o.code, 0) << o.err;
    return FileText(file);
  }
  // A copy of a model to change.
  std::string Copy(const std::string& model) const {
    fs::copy(ModelDir(model), folder / model, fs::copy_options::recursive);
    return *this / model;
  }
};

Outcome Replay(const std::string& receipt, const std::string& model, Words more = {}) {
  more.insert(more.begin(), {"replay", "-", "-m", model});
  return Invar(more, receipt);
}

// Greedy, seeded, chat, several, with stop strings, with ids, to the end token, to the last position.
const std::vector<Words>& Runs() {
  static const std::vector<Words> runs = {
      {"-m", Gpt2(), "-p", "ROMEO:", "-n", "20"},
      {"-m", Gpt2(), "-p", "ROMEO:", "-p", "All:\nWe", "-p", "J", "-n", "12", "--temp", "0.8", "--top-p", "0.95", "-s", "18446744073709551615"},
      {"-m", Qwen3(), "--chat", "-p", "What news?", "-p", "Who is there?", "-n", "400", "-s", "9", "--system", "Be brief."},
      {"-m", Gpt2(), "-p", "ROMEO:", "-n", "60", "--stop", "brief", "--stop", "never so", "--json"},
      {"-m", Gpt2(), "--ids", "1,2,3", "-n", "-1", "--ignore-eos", "--logit-bias", "5=-inf", "--logit-bias", "7=0.1", "--repeat-penalty", "1.1"},
      {"-m", Qwen3(), "-p", "caf\u00e9 \u2581", "-n", "9", "--temp", "1.5", "--top-k", "7", "--min-p", "-inf", "--top-p", "inf",
       "--frequency-penalty", "0.2", "--presence-penalty", "-0.3"}};
  return runs;
}

// An unset variable in a script, standard output for a file, more tokens than a machine of 32 bits can count.
TEST(Receipts, WhatWouldBeLostInSilenceIsRefused) {
  const Words verify = {"verify", "-m", Qwen3(), "--preset", "demo"}, generate = {"generate", "-m", Gpt2(), "-p", "R", "-n", "2"};
  const auto refused = [](Words arguments, const Words& more, const Words& words) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    ExpectRefused(Invar(arguments), 2, words);
  };
  refused(verify, {"--against", ""}, {"--against", "empty"});
  refused(verify, {"--export", ""}, {"--export", "empty"});
  refused(verify, {"--export", "-"}, {"--export", "no file"});
  refused(generate, {"--receipt", ""}, {"--receipt", "empty"});
  refused(generate, {"--receipt", "-"}, {"--receipt", "no file"});
  refused({"generate", "-m", Gpt2(), "-p", "R"}, {"-n", "4294967297"}, {"--n-predict", "2147483647"});
}

// A result in the place of the model or of the prompt.
TEST(Receipts, InputsAreNotOverwritten) {
  const Folder folder;
  const std::string model = folder.Copy("gpt2"), prompt = folder / "prompt.txt", link = folder / "link";
  WriteText(prompt, "ROMEO:");
  fs::create_symlink(model + "/config.json", link);
  const std::string config = FileText(model + "/config.json"), weights = FileText(model + "/model.safetensors");
  for (const std::string& path : {model + "/config.json", model + "/model.safetensors", model + "/tokenizer.json", prompt, link}) {
    const Words words = {path, "take the place"};
    ExpectRefused(Invar({"generate", "-m", model, "-f", prompt, "-n", "2", "--receipt", path}), 2, words);
    ExpectRefused(Invar({"verify", "-m", model, "-f", prompt, "--preset", "demo", "--export", path}), 2, words);
    ExpectRefused(Invar({"logits", "-m", model, "-f", prompt, "-o", path}), 2, words);
  }
  EXPECT_EQ(FileText(prompt), "ROMEO:");
  EXPECT_EQ(FileText(model + "/config.json"), config);
  EXPECT_EQ(FileText(model + "/model.safetensors"), weights);
  EXPECT_EQ(Invar({"generate", "-m", model, "-f", prompt, "-n", "2", "--receipt", model + "/receipt.json"}).code, 0);
}

TEST(Receipts, AFileKeepsItsPermissions) {
  const Folder folder;
  const std::string file = folder / "receipt.json";
  WriteText(file, "old");
  const auto mine = fs::perms::owner_read | fs::perms::owner_write;
  fs::permissions(file, mine);
  folder.Receipt({"-m", Gpt2(), "-p", "R", "-n", "2"});
  EXPECT_NE(FileText(file), "old");
  EXPECT_EQ(fs::status(file).permissions(), mine);
}

TEST(Receipts, ReplayEqual) {
  const Folder folder;
  const char* reasons[] = {"length", "length", "end", "stop", "length", "length"};
  size_t at = 0;
  for (const Words& run : Runs()) {
    const std::string text = folder.Receipt(run), &model = run[1];
    const json receipt = json::parse(text);
    EXPECT_EQ(receipt["program"], kVersion);
    size_t steps = 0;
    for (const json& s : receipt["sequences"]) {
      EXPECT_EQ(s["finish_reason"], reasons[at]);
      steps += s["logits_sha256"].size();
    }
    EXPECT_EQ(text.find(SourceDir().string()), std::string::npos) << "a path of this machine";
    const std::string count = std::to_string(steps), sequences = std::to_string(receipt["sequences"].size());
    const Outcome o = Replay(text, model);
    EXPECT_EQ(o.code, 0) << o.out << o.err;
    EXPECT_EQ(o.out, "equal: " + count + " steps of " + sequences + (sequences == "1" ? " sequence\n" : " sequences\n"));
    EXPECT_EQ(o.err, "");
    const Outcome as_json = Replay(text, model, {"--json", "--batch", "1", "--isa", SupportedIsas().back(), "-t", "3", "--any-model"});
    EXPECT_EQ(as_json.code, 0) << as_json.err;
    EXPECT_EQ(json::parse(as_json.out), json({{"equal", true}, {"sequences", receipt["sequences"].size()}, {"steps", steps},
                                              {"model_compared", false}, {"differences", json::array()}}));
    ++at;
  }
}

TEST(Receipts, AreTheSameBytesEverywhere) {
  const Folder folder;
  for (const Words& run : Runs()) {
    const std::string expected = folder.Receipt(run);
    for (const std::string& isa : SupportedIsas()) {
      for (const char* threads : {"1", "3"}) {
        Words more = run;
        more.insert(more.end(), {"--isa", isa, "-t", threads});
        EXPECT_EQ(folder.Receipt(more), expected) << isa << " " << threads;
      }
    }
  }
  // In a batch or alone.
  const json both = json::parse(folder.Receipt({"-m", Gpt2(), "-p", "ROMEO:", "-p", "All", "-n", "9"}))["sequences"];
  EXPECT_EQ(both[0], json::parse(folder.Receipt({"-m", Gpt2(), "-p", "ROMEO:", "-n", "9"}))["sequences"][0]);
  EXPECT_EQ(both[1], json::parse(folder.Receipt({"-m", Gpt2(), "-p", "All", "-n", "9"}))["sequences"][0]);
  // And from a bf16 checkpoint or its float32 copy, whole or in shards.
  ASSERT_EQ(Invar({"convert", "-m", Qwen3(), "-o", folder / "f32", "--type", "f32", "--shard", "1MB"}).code, 0);
  const Words rest = {"--chat", "-p", "What news?", "-n", "30", "-s", "4"};
  Words bf16 = rest, f32 = rest;
  bf16.insert(bf16.begin(), {"-m", Qwen3()});
  f32.insert(f32.begin(), {"-m", folder / "f32"});
  const std::string receipt = folder.Receipt(bf16);
  EXPECT_EQ(folder.Receipt(f32), receipt);
  EXPECT_EQ(Replay(receipt, folder / "f32").code, 0);
}

TEST(Receipts, SayWhatWasGenerated) {
  const Folder folder;
  const Words run = Runs()[1];
  const json receipt = json::parse(folder.Receipt(run))["sequences"];
  Words shown = run;
  shown.insert(shown.begin(), "generate");
  shown.insert(shown.end(), {"--json", "-q"});
  const json results = json::parse(Invar(shown).out)["results"];
  ASSERT_EQ(results.size(), 3u);
  for (size_t i = 0; i < results.size(); ++i) {
    for (const char* field : {"prompt", "prompt_ids", "text", "ids", "finish_reason"}) EXPECT_EQ(receipt[i][field], results[i][field]) << field;
    EXPECT_EQ(receipt[i]["sampling"]["seed"], UINT64_MAX);
    EXPECT_EQ(receipt[i]["sampling"]["temperature"], 0.8);
    EXPECT_EQ(receipt[i]["max_tokens"], 12);
    EXPECT_EQ(receipt[i]["end_tokens"], json::array({0}));
    EXPECT_EQ(receipt[i]["stop"], json::array());
  }
  const json ids = json::parse(folder.Receipt(Runs()[4]))["sequences"][0];
  EXPECT_FALSE(ids.contains("prompt"));
  EXPECT_EQ(ids["sampling"]["logit_bias"], json({{5, "-infinity"}, {7, 0.1}}));
  EXPECT_EQ(ids["max_tokens"], 0);
  EXPECT_EQ(ids["ids"].size(), 256u - 3u + 1u);
  EXPECT_EQ(ids["end_tokens"], json::array());
  // The hash that inspect prints.
  const json inspected = json::parse(Invar({"inspect", "-m", Gpt2(), "--hash", "--json"}).out);
  const json whole = json::parse(folder.Receipt({"-m", Gpt2(), "-p", "a", "-n", "1"}));
  EXPECT_EQ(inspected["hash"]["weights_sha256"], whole["model"]["weights_sha256"]);
  EXPECT_EQ(inspected["hash"]["config_sha256"], whole["model"]["config_sha256"]);
  std::string lines;
  for (const json& line : inspected["hashed"]["weights"]) lines += line.get<std::string>() + "\n";
  EXPECT_EQ(json(Sha256Hex(lines.data(), lines.size())), whole["model"]["weights_sha256"]);
  EXPECT_FALSE(json::parse(Invar({"inspect", "-m", Gpt2(), "--json"}).out).contains("hash"));
  EXPECT_NE(Invar({"inspect", "-m", Gpt2(), "--hash", "--no-tensors"}).out.find("weights_sha256: " + whole["model"]["weights_sha256"].get<std::string>()),
            std::string::npos);
  ExpectRefused(Invar({"inspect", "-m", Gpt2() + "/model.safetensors", "--hash"}), 2, {"--hash", "whole model"});
}

// One edit each, found where it is.
TEST(Receipts, EditsAreFound) {
  const Folder folder;
  const json good = json::parse(folder.Receipt(Runs()[1]));
  const auto expect = [&](const char* at, const json& value, const Words& words) {
    json bad = good;
    bad[json::json_pointer(at)] = value;
    const Outcome o = Replay(bad.dump(), Gpt2());
    EXPECT_EQ(o.code, 1) << at << o.err;
    EXPECT_EQ(o.err, "") << at;
    EXPECT_EQ(o.out.rfind("unequal: sequence ", 0), 0u) << at << o.out;
    for (const std::string& word : words) EXPECT_NE(o.out.find(word), std::string::npos) << at << ": no " << word << " in " << o.out;
  };
  const std::string zeros(64, '0'), hash = good["sequences"][1]["logits_sha256"][3], id = good["sequences"][2]["ids"][5].dump();
  expect("/sequences/1/logits_sha256/3", zeros, {"sequence 2, step 4, position ", "sha-256 " + zeros + " expected, " + hash + " found"});
  expect("/sequences/2/ids/5", 1023, {"sequence 3, step 6, position ", "token 1023 expected, token " + id + " found, from the same logits"});
  expect("/sequences/0/sampling/seed", 1, {"sequence 1, step "});
  expect("/sequences/0/max_tokens", 13, {"sequence 1, step 13", "the end (length) expected, token "});
  expect("/sequences/0/max_tokens", 11, {"sequence 1, step 12", "the end (length) found"});
  expect("/sequences/0/text", "Yes.", {"sequence 1: the text 'Yes.' is not that of ids"});
  expect("/sequences/0/prompt", "JULIET:", {"sequence 1: the prompt 'JULIET:' is not the text of prompt_ids"});
  expect("/sequences/0/stop", {good["sequences"][0]["text"].get<std::string>().substr(2, 3)}, {"sequence 1: the text meets a stop string at token "});
  expect("/sequences/0/finish_reason", "stop", {"sequence 1: the finish_reason is stop, and the tokens' text meets none"});
  json bad = good;
  bad["sequences"][1]["logits_sha256"][3] = zeros;
  bad["sequences"][2]["text"] = "x";
  const Outcome o = Replay(bad.dump(), Gpt2(), {"--json"});
  EXPECT_EQ(o.code, 1);
  const json report = json::parse(o.out);
  EXPECT_FALSE(report["equal"].get<bool>());
  ASSERT_EQ(report["differences"].size(), 2u);
  EXPECT_EQ(report["steps"], 12 + 3 + 12);
  const json& d = report["differences"][0];
  EXPECT_EQ(d["sequence"], 2);
  EXPECT_EQ(d["step"], 4);
  EXPECT_EQ(d["position"], good["sequences"][1]["prompt_ids"].size() + 3);
  EXPECT_EQ(d["expected"]["logits_sha256"], zeros);
  EXPECT_EQ(d["found"]["logits_sha256"], hash);
  EXPECT_EQ(d["found"]["id"], good["sequences"][1]["ids"][3]);
  EXPECT_EQ(report["differences"][1]["sequence"], 3);
  // What follows a stop string is no part of the text.
  json answered = json::parse(folder.Receipt(Runs()[3]));
  answered["sequences"][0]["text"] = answered["sequences"][0]["text"].get<std::string>() + "brief";
  EXPECT_EQ(Replay(answered.dump(), Gpt2()).code, 1);
}

TEST(Receipts, OfAnotherModelAreRefused) {
  const Folder folder;
  const std::string receipt = folder.Receipt(Runs()[0]);
  ExpectRefused(Replay(receipt, Qwen3()), 1, {"another model", "weights", "models/qwen3"});
  Checkpoint other = Checkpoint::Of("gpt2");
  other.tensors.at("transformer.h.2.mlp.c_fc.weight").data[4001] ^= std::byte{1};
  const std::string model = folder.Copy("gpt2");
  other.Write(model);
  ExpectRefused(Replay(receipt, model), 1, {"another model", "weights"});
  const Outcome forced = Replay(receipt, model, {"--any-model"});
  EXPECT_EQ(forced.code, 1);
  EXPECT_NE(forced.out.find("unequal: sequence 1, step 1, position 2: logits"), std::string::npos) << forced.out;
  other = Checkpoint::Of("gpt2");
  other.config["layer_norm_epsilon"] = 2e-5;
  other.Write(model);
  ExpectRefused(Replay(receipt, model), 1, {"another model", "config"});
  json wrong = json::parse(receipt);
  wrong["model"]["parameters"] = 124000000;
  ExpectRefused(Replay(wrong.dump(), Gpt2()), 1, {"contradicts itself", "957184"});
}

TEST(Receipts, HostileOnesAreRefused) {
  const Folder folder;
  const std::string good = folder.Receipt(Runs()[0]);
  const auto expect = [&](const std::string& text, const Words& words) { ExpectRefused(Replay(text, Gpt2()), 1, words); };
  const auto changed = [&](const char* at, const json& value, const Words& words) {
    json bad = json::parse(good);
    bad[json::json_pointer(at)] = value;
    expect(bad.dump(), words);
  };
  expect("", {"standard input", "not valid JSON"});
  expect("[]", {"standard input", "object"});
  expect(good.substr(0, good.size() / 2), {"not valid JSON"});
  expect(good + good, {"not valid JSON"});
  expect(std::string(100000, '['), {"deeper"});
  expect("{\"format\": \"invar receipt\", \"format\": \"invar receipt\"}", {"'format'", "twice"});
  expect(std::string("\0", 1), {"zero byte"});
  changed("/sequences/0/prompt_ids/0", 1024, {"sequence 1", "1024", "vocabulary"});
  changed("/sequences/0/prompt_ids/0", 4294967296u, {"prompt_ids[0]"});
  changed("/sequences/0/prompt_ids", std::vector<int>(257, 3), {"257", "256 positions"});
  changed("/sequences/0/sampling/logit_bias", {{70000, 1}}, {"70000", "vocabulary"});
  changed("/sequences/0/sampling/logit_bias", {{9, 1}, {5, 1}}, {"logit_bias[1]", "lower token", "ascend"});
  changed("/sequences/0/sampling/logit_bias", {{9, 1}, {9, 1}}, {"logit_bias[1]", "already"});
  for (const json& hot : {json(1e300), json(1e308), json("infinity"), json("-infinity"), json(-1)}) {
    changed("/sequences/0/sampling/temperature", hot, {"temperature", "from 0 to 3.4028235e38"});
  }
  changed("/sequences/0/sampling/repetition_penalty", "infinity", {"repetition penalty", "up to 3.4028235e38"});
  changed("/sequences/0/sampling/presence_penalty", 1e308, {"penalties", "3.4028235e38"});
  changed("/sequences/0/sampling/logit_bias", {{9, 1e308}}, {"logit bias", "up to 3.4028235e38"});
  changed("/sequences/0/sampling/temperature", "hot\n\x1b[2J", {"temperature"});
  changed("/sequences/0/\x1b[2J", "x", {"\\x1b"});
  changed("/sequences/0/error", "x", {"'error'"});
  changed("/contract", 7, {"version 7 of the numerics contract"});
  // The other kind of file.
  ASSERT_EQ(Invar({"verify", "-m", Gpt2(), "--preset", "demo", "--length", "3", "--export", folder / "prints"}).code, 0);
  expect(FileText(folder / "prints"), {"format", "'invar receipt'"});
  ExpectRefused(Invar({"replay", "-m", Gpt2(), "/nowhere/receipt"}), 1, {"/nowhere/receipt"});
  ExpectRefused(Invar({"replay", "-m", "/nowhere", folder / "receipt.json"}), 1, {"/nowhere"});
  ExpectRefused(Invar({"replay", folder / "receipt.json"}), 2, {"--model"});
  ExpectRefused(Invar({"replay", "-m", Gpt2()}), 2, {"receipt"});
  ExpectRefused(Replay(good, Gpt2(), {"--batch", "-1"}), 2, {"--batch"});
  ExpectRefused(Replay(good, Gpt2(), {"-t", "100000000"}), 2, {"threads"});
  ExpectRefused(Replay(good, Gpt2(), {"--isa", "MMX"}), 2, {"MMX"});
}

// Configs made by a class have GPT-2's end token, whatever their vocabulary.
TEST(Receipts, EndTokensThatNothingCanDrawAreLeftOut) {
  const Folder folder;
  Checkpoint other = Checkpoint::Of("gpt2");
  other.config["eos_token_id"] = 50256;
  const std::string model = folder.Copy("gpt2");
  fs::remove(fs::path(model) / "generation_config.json");
  other.Write(model);
  ASSERT_EQ(Invar({"generate", "-m", model, "-p", "a", "-n", "3", "-q", "--receipt", folder / "r"}).code, 0);
  EXPECT_EQ(json::parse(FileText(folder / "r"))["sequences"][0]["end_tokens"], json::array());
  EXPECT_EQ(Replay(FileText(folder / "r"), model).code, 0);
}

TEST(Receipts, AppearWholeOrNotAtAll) {
  const Folder folder;
  const auto entries = [&] { return std::distance(fs::directory_iterator(folder.folder.path()), {}); };
  const auto run = [&](const std::string& file, const Words& more) {
    Words arguments = {"generate", "-m", Gpt2(), "-n", "3", "-q", "--receipt", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Invar(arguments);
  };
  // What cannot be written is told before anything is computed, let alone printed.
  ExpectRefused(run("/nowhere/receipt", {"-p", "a"}), 1, {"/nowhere/receipt"});
  ExpectRefused(run(folder.folder.path().string(), {"-p", "a"}), 1, {"not a regular file"});
  ExpectRefused(run(folder / "r", {"-p", "a", "--stop", "\xFF"}), 2, {"--stop", "UTF-8"});
  ExpectRefused(run(folder / "r", {"-p", std::string(4000, 'x')}), 1, {"positions"});
  if (fs::is_symlink("/dev/stdout")) ExpectRefused(run("/dev/stdout", {"-p", "a"}), 1, {"/dev/stdout", "open already"});  // here a file
  EXPECT_EQ(entries(), 0);
  EXPECT_EQ(run(folder / "r", {"-p", "a\xFF"}).code, 0);  // a prompt that JSON cannot hold is left out
  EXPECT_FALSE(json::parse(FileText(folder / "r"))["sequences"][0].contains("prompt"));
  EXPECT_EQ(Replay(FileText(folder / "r"), Gpt2()).code, 0);
  const std::string before = FileText(folder / "r");
  ExpectRefused(run(folder / "r", {"-p", std::string(4000, 'x')}), 1, {"positions"});
  EXPECT_EQ(FileText(folder / "r"), before);
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--export", "/nowhere/prints"}), 1, {"/nowhere/prints"});
  EXPECT_EQ(entries(), 1) << "a temporary file was left";
}

TEST(Receipts, TheCommandsAreListed) {
  EXPECT_NE(Invar({"--help"}).out.find("replay"), std::string::npos);
  EXPECT_NE(Invar({"generate", "--help"}).out.find("--receipt"), std::string::npos);
  EXPECT_NE(Invar({"inspect", "--help"}).out.find("--hash"), std::string::npos);
  const std::string replay = Invar({"replay", "--help"}).out, verify = Invar({"verify", "--help"}).out;
  for (const char* flag : {"--isa", "--threads", "--batch", "--json", "--any-model", "Exit status"}) EXPECT_NE(replay.find(flag), std::string::npos) << flag;
  for (const char* flag : {"--export", "--against"}) EXPECT_NE(verify.find(flag), std::string::npos) << flag;
}

TEST(Fingerprints, AreExportedAndComparedWith) {
  const Folder folder;
  const std::string file = folder / "prints.json";
  const Outcome made = Invar({"verify", "-m", Qwen3(), "--preset", "demo", "-p", "ROMEO:", "--export", file});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("all equal"), std::string::npos);
  EXPECT_NE(made.out.find(file + ": fingerprints of the logits at "), std::string::npos) << made.out;
  const json prints = json::parse(FileText(file));
  EXPECT_EQ(prints["contract"], INVAR_CONTRACT_VERSION);
  const std::string logits = Invar({"logits", "-m", Qwen3(), "-p", "ROMEO:"}).out.substr(0, 64);
  EXPECT_EQ(prints["logits_sha256"], logits);
  const size_t tokens = prints["ids"].size();
  for (const std::string& isa : {SupportedIsas().front(), SupportedIsas().back()}) {
    const Outcome one = Invar({"verify", "-m", Qwen3(), "--preset", "demo", "--isa", isa, "-p", "ROMEO:", "--export", folder / "one.json"});
    EXPECT_EQ(FileText(folder / "one.json"), FileText(file)) << isa << one.err;
  }
  const Outcome equal = Invar({"verify", "-m", Qwen3(), "--preset", "demo", "--against", file});
  EXPECT_EQ(equal.code, 0) << equal.err << equal.out;
  const size_t ways = SupportedIsas().size() * 5;
  EXPECT_NE(equal.out.find("all equal: " + std::to_string(ways) + " runs, " + std::to_string(ways * tokens * 1024) + " values"), std::string::npos) << equal.out;
  EXPECT_NE(equal.out.find("compared with the file"), std::string::npos);
  EXPECT_NE(equal.out.find("37 of the file's 37 tensors compared; the model computes 37\n"), std::string::npos) << equal.out;
  const json report = json::parse(Invar({"verify", "-m", Qwen3(), "--preset", "demo", "--against", "-", "--json"}, FileText(file)).out);
  EXPECT_TRUE(report["equal"].get<bool>());
  EXPECT_EQ(report["compared"], ways * tokens * 1024);
  EXPECT_EQ(report["tensors"], json({{"compared", 37}, {"in_file", 37}, {"in_model", 37}, {"passed_over", json::array()}}));
  json older = prints;
  older["program"] = "0.0.1";
  older["tensors"][4]["name"] = "another";
  const Outcome passed = Invar({"verify", "-m", Qwen3(), "--preset", "demo", "--against", "-"}, older.dump());
  EXPECT_EQ(passed.code, 0);
  EXPECT_NE(passed.out.find("36 of the file's 37 tensors compared"), std::string::npos) << passed.out;
  EXPECT_NE(passed.out.find("passed over"), std::string::npos) << passed.out;
  EXPECT_NE(passed.out.find(": 1, the first of them 'another' of layer 0\n"), std::string::npos) << passed.out;
  // A float32 copy is the same model.
  ASSERT_EQ(Invar({"convert", "-m", Qwen3(), "-o", folder / "f32", "--type", "f32"}).code, 0);
  EXPECT_EQ(Invar({"verify", "-m", folder / "f32", "--preset", "demo", "--against", file}).code, 0);

  json other = prints;
  other["positions_sha256"][1] = other["logits_sha256"] = std::string(64, '0');
  for (json& t : other["tensors"]) {
    if (t.value("layer", -1) == 3) t["sha256"] = std::string(64, '1');
  }
  const Outcome unequal = Invar({"verify", "-m", Qwen3(), "--preset", "demo", "--against", "-"}, other.dump());
  EXPECT_EQ(unequal.code, 1);
  EXPECT_NE(unequal.out.find("unequal after 1 runs: logits at position 1: sha-256 " + std::string(64, '0') + " expected, " +
                             prints["positions_sha256"][1].get<std::string>() + " found; the first tensor that differs is 'input_layernorm' of layer 3"),
            std::string::npos) << unequal.out;
  const json found = json::parse(Invar({"verify", "-m", Qwen3(), "--against", "-", "--json"}, other.dump()).out);
  EXPECT_FALSE(found["equal"].get<bool>());
  EXPECT_EQ(found["runs"].size(), 1u);
  EXPECT_EQ(found["runs"][0]["parting"]["position"], 1);
  EXPECT_EQ(found["runs"][0]["parting"]["layer"], 3);
}

TEST(Fingerprints, MisuseAndOtherModels) {
  const Folder folder;
  const std::string file = folder / "prints.json";
  ASSERT_EQ(Invar({"verify", "-m", Gpt2(), "--preset", "demo", "--length", "6", "--export", file, "--json"}).code, 0);
  for (const Words& more : std::vector<Words>{{"-p", "a"}, {"-f", "x"}, {"--ids", "1"}, {"--ids-file", "x"}, {"--length", "4"}}) {
    Words arguments = {"verify", "-m", Gpt2(), "--against", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ExpectRefused(Invar(arguments), 2, {"--against", more[0]});
  }
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", file, "--export", folder / "b"}), 2, {"exclude each other"});
  ExpectRefused(Invar({"verify", "-m", Qwen3(), "--against", file}), 1, {"another model", "models/qwen3"});
  json bad = json::parse(FileText(file));
  bad["ids"][0] = 5000;
  for (const Words& more : {Words(), Words{"--json"}}) {  // before the table begins
    Words arguments = {"verify", "-m", Gpt2(), "--against", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ExpectRefused(Invar(arguments, bad.dump()), 1, {"--against '-'", "5000", "vocabulary"});
  }
  bad["ids"] = std::vector<int>(257, 3);
  bad["positions_sha256"] = std::vector<std::string>(257, std::string(64, '0'));
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", "-"}, bad.dump()), 1, {"--against '-'", "257 ids", "256 positions"});
  bad = json::parse(FileText(file));
  bad["tensors"][3]["name"] = "x";
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", "-"}, bad.dump()), 1, {"--against '-'", "'x'", "does not have"});
  bad["tensors"] = json::array();
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", "-"}, bad.dump()), 1, {"--against '-'", "no tensors"});
  bad["ids"][0] = "x";
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", "-"}, bad.dump()), 1, {"ids[0]"});
  bad = json::parse(FileText(file));
  bad["logits_sha256"] = std::string(64, '0');
  ExpectRefused(Invar({"verify", "-m", Gpt2(), "--against", "-", "--json"}, bad.dump()), 1, {"--against '-'", "contradicts itself"});
}

}  // namespace
}  // namespace invar::testing
