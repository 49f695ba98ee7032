// The program as its users meet it: what it prints, where, and with which exit status.
#include <cctype>
#include <cmath>

#include "runtime/base/sha256.h"
#include "runtime/base/version.h"
#include "runtime/cli/verify.h"
#include "runtime/text/tokenizer.h"
#include "tests/cli/process.h"
#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

using nlohmann::json;

std::string Gpt2() { return ModelDir("gpt2").string(); }
std::string Qwen3() { return ModelDir("qwen3").string(); }

Outcome Invar(const std::vector<std::string>& arguments, const std::string& input = "",
              const std::vector<std::string>& environment = {}) {
  return RunProgram(INVAR_PROGRAM, arguments, input, environment);
}

// Fails with that status, one sentence on standard error that holds each of `words`, and nothing on standard output.
void ExpectRefused(const std::vector<std::string>& arguments, int code, const std::vector<std::string>& words) {
  const Outcome o = Invar(arguments);
  std::string line = "invar";
  for (const std::string& a : arguments) line += " " + a.substr(0, 100);
  EXPECT_EQ(o.code, code) << line << "\n" << o.err;
  EXPECT_EQ(o.out.substr(0, 300), "") << line;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << line << "\n" << o.err;
  for (const std::string& word : words) EXPECT_NE(o.err.find(word), std::string::npos) << line << "\n" << o.err;
}

TEST(Cli, HelpOnEverySubcommand) {
  for (const std::string command : {"", "generate", "replay", "logits", "verify", "perplexity", "info"}) {
    std::vector<std::string> arguments;
    if (!command.empty()) arguments.push_back(command);
    arguments.push_back("--help");
    const Outcome o = Invar(arguments);
    EXPECT_EQ(o.code, 0);
    EXPECT_NE(o.out.find(command.empty() ? "verify" : "--isa"), std::string::npos) << o.out;
    EXPECT_EQ(o.err, "");
  }
  EXPECT_EQ(Invar({"--version"}).out, std::string("invar ") + kVersion + "\n");
}

TEST(Cli, MisuseExitsWith2) {
  ExpectRefused({}, 2, {"subcommand"});
  ExpectRefused({"nonsense"}, 2, {"no subcommand 'nonsense'", "--help"});
  ExpectRefused({"generate"}, 2, {"--model"});
  ExpectRefused({"generate", "-m", Gpt2()}, 2, {"-p TEXT"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", ""}, 2, {"empty"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "-n", "0"}, 2, {"--n-predict"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "-n", "three"}, 2, {"n-predict"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--temp", "-1"}, 2, {"temperature"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--top-p", "0"}, 2, {"top-p"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--top-k", "-3"}, 2, {"top-k"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--seed", "-1"}, 2, {"seed", "18446744073709551615"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--seed", "18446744073709551616"}, 2, {"seed"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--logit-bias", "7"}, 2, {"--logit-bias 7", "id=value"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--logit-bias", "4294967297=1"}, 2, {"--logit-bias"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "-n", "99999999999999999999"}, 2, {"whole number"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--isa", "A\nB"}, 2, {"A B"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--logit-bias", "70000=1"}, 2, {"70000", "vocabulary"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--isa", "MMX"}, 2, {"MMX", SupportedIsas().back()});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--threads", "-2"}, 2, {"threads"});
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--system", "s"}, 2, {"--chat"});
  for (const char* day : {"2026-13-01", "2026-02-30", "2026-04-31", "2023-02-29", "2026-1-1", "2026-11-1 ", " 026-11-01", "0000-01-01", "2026-00-01",
                          "2026-01-00", "+026-01-01", "2026-11-24x", ""}) {
    ExpectRefused({"generate", "-m", Qwen3(), "--chat", "-p", "a", "--date", day}, 2, {"--date '" + std::string(day) + "'", "YYYY-MM-DD"});
  }
  ExpectRefused({"generate", "-m", Gpt2(), "-p", "a", "--date", ""}, 2, {"--chat"});
  for (const char* command : {"generate", "logits", "perplexity"}) ExpectRefused({command, "-m", Gpt2(), "-p", "a", "--ids", "1"}, 2, {"exclude each other"});
  ExpectRefused({"logits", "-m", Gpt2()}, 2, {"--prompt", "--ids"});
  ExpectRefused({"logits", "-m", Gpt2(), "--ids", "1,x"}, 2, {"'x'"});
  ExpectRefused({"logits", "-m", Gpt2(), "--ids", "1", "--batch", "0"}, 2, {"--batch"});
  ExpectRefused({"logits", "-m", Gpt2(), "--ids", "1", "--chunk", "-1"}, 2, {"--chunk"});
  ExpectRefused({"verify", "-m", Gpt2(), "--preset", "some"}, 2, {"--preset some", "full"});
  for (const char* length : {"257", "0", "-1"}) ExpectRefused({"verify", "-m", Gpt2(), "--length", length}, 2, {"--length", "from 1 to", "256"});
  ExpectRefused({"verify", "-m", Gpt2(), "--length", "1x"}, 2, {"--length", "whole number"});
  const std::string least = SupportedIsas().back();  // SCALAR, or what a compiler has in its place
  for (const std::string& isas : {std::string(","), std::string(), least + ",", "," + least, least + ",," + least}) {
    ExpectRefused({"verify", "-m", Gpt2(), "--isa", isas, "--preset", "demo"}, 2, {"--isa '" + isas + "'", "empty name"});
  }
  ExpectRefused({"verify", "-m", Gpt2(), "--isa", least + ",MMX"}, 2, {"MMX"});
  ExpectRefused({"info", "--isa", "MMX"}, 2, {"MMX"});
}

TEST(Cli, FailureExitsWith1) {
  ExpectRefused({"generate", "-m", "/nowhere", "-p", "a"}, 1, {"/nowhere", "config.json"});
  ExpectRefused({"generate", "-m", Gpt2(), "-f", "/nowhere/prompt"}, 1, {"/nowhere/prompt"});
  ExpectRefused({"generate", "-m", Gpt2(), "--chat", "-p", "a"}, 1, {"chat template"});
  ExpectRefused({"logits", "-m", Gpt2(), "--ids", "99999"}, 1, {"99999"});
  const TemporaryDirectory empty;
  WriteText(empty / "deep.json", std::string(1000000, '[') + std::string(1000000, ']'));
  const std::string deep = (empty / "deep.json").string();
  ExpectRefused({"logits", "-m", Gpt2(), "--ids-file", deep}, 1, {"deep.json", "deeper"});
  ExpectRefused({"generate", "-m", Qwen3(), "--chat", "--messages", deep}, 1, {"deep.json", "deeper"});
  ExpectRefused({"generate", "-m", Qwen3(), "--chat", "-p", "a", "--tools", deep}, 1, {"deep.json", "deeper"});
  ExpectRefused({"verify", "-m", empty.path().string()}, 1, {"config.json"});
  ExpectRefused({"logits", "-m", Gpt2(), "--ids", "1", "-o", "/nowhere/x.safetensors"}, 1, {"/nowhere/x.safetensors"});
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "ROMEO: ";
  ExpectRefused({"generate", "-m", Gpt2(), "-p", long_text}, 1, {"positions"});
}

TEST(Cli, GeneratesGreedilyByDefault) {
  const Outcome o = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "30"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out.rfind("ROMEO:", 0), 0u);
  EXPECT_NE(o.err.find("greedy"), std::string::npos);
  EXPECT_NE(o.err.find("tokens/s"), std::string::npos);
  // Threads, instruction sets and company in the batch change no character.
  for (const std::string& isa : SupportedIsas()) {
    const Outcome other = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "30", "--isa", isa, "-t", "3"});
    EXPECT_EQ(other.out, o.out) << isa;
  }
  const Outcome several =
      Invar({"generate", "-m", Gpt2(), "-p", "JULIET:", "-p", "ROMEO:", "-p", "All:\nWe", "-n", "30", "--json", "-q"});
  ASSERT_EQ(several.code, 0);
  EXPECT_EQ(several.err, "");
  const json results = json::parse(several.out)["results"];
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ("ROMEO:" + results[1]["text"].get<std::string>() + "\n", o.out);
  const Outcome hidden = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "30", "--no-display-prompt", "-q"});
  EXPECT_EQ("ROMEO:" + hidden.out, o.out);
}

TEST(Cli, PromptsFromFilesInputAndEnvironment) {
  const TemporaryDirectory folder;
  WriteText(folder / "prompt", "ROMEO:");
  const std::string expected = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "8"}).out;
  EXPECT_EQ(Invar({"generate", "-m", Gpt2(), "-f", (folder / "prompt").string(), "-n", "8"}).out, expected);
  EXPECT_EQ(Invar({"generate", "-m", Gpt2(), "-f", "-", "-n", "8"}, "ROMEO:").out, expected);
  EXPECT_EQ(Invar({"generate", "-p", "ROMEO:"}, "", {"INVAR_MODEL=" + Gpt2(), "INVAR_N_PREDICT=8", "INVAR_THREADS=1"}).out,
            expected);
}

TEST(Cli, SamplesWhenAskedAndRepeats) {
  // The contract's own ids for these parameters (tests/data/fingerprints.json).
  const json known = ReadJson(SourceDir() / "tests/data/fingerprints.json")["sampled"][0];
  const std::string prompt = References("gpt2")[known["prompt"].get<size_t>()].prompt;
  const std::vector<std::string> arguments = {"generate", "-m", Gpt2(), "-p", prompt, "-n", "24",
                                              "--temp", "0.8", "--top-k", "40", "--top-p", "0.95", "--min-p", "0.05",
                                              "-s", "1234", "--json", "--logprobs"};
  const Outcome o = Invar(arguments);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("temperature 0.8"), std::string::npos);
  const json result = json::parse(o.out)["results"][0];
  EXPECT_EQ(result["ids"], known["ids"]);
  EXPECT_EQ(result["logprobs"].size(), result["ids"].size());
  std::vector<std::string> again = arguments;
  again.insert(again.end(), {"-t", "2", "--isa", SupportedIsas().back()});
  EXPECT_EQ(json::parse(Invar(again).out)["results"], json::parse(o.out)["results"]);
}

TEST(Cli, GenerationConfigAsksForSamplingUnlessAFlagSaysOtherwise) {
  const TemporaryDirectory folder;
  std::filesystem::copy(ModelDir("gpt2"), folder / "m", std::filesystem::copy_options::recursive);
  WriteText(folder / "m/generation_config.json", R"({"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95})");
  const std::string model = (folder / "m").string();
  const Outcome configured = Invar({"generate", "-m", model, "-p", "ROMEO:", "-n", "12", "-s", "5"});
  EXPECT_NE(configured.err.find("temperature, top-k, top-p from generation_config.json"), std::string::npos) << configured.err;
  const Outcome flags = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "12", "-s", "5", "--temp", "0.6", "--top-k",
                               "20", "--top-p", "0.95"});
  EXPECT_EQ(configured.out, flags.out);
  const Outcome greedy = Invar({"generate", "-m", model, "-p", "ROMEO:", "-n", "12", "--temp", "0"});
  EXPECT_NE(greedy.err.find("override"), std::string::npos) << greedy.err;
  EXPECT_EQ(greedy.out, Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "12"}).out);
}

TEST(Cli, StopsBeforeAStopString) {
  const std::string whole = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "60", "--no-display-prompt", "-q"}).out;
  ASSERT_GT(whole.size(), 40u);
  const std::string stop = whole.substr(20, 5);  // crosses tokens, most likely
  const size_t at = whole.find(stop);
  const Outcome o = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "60", "--stop", stop, "--stop", "never so",
                           "--no-display-prompt", "-q"});
  EXPECT_EQ(o.out, whole.substr(0, at) + "\n");
  const Outcome as_json = Invar({"generate", "-m", Gpt2(), "-p", "ROMEO:", "-n", "60", "--stop", stop, "--json", "-q"});
  EXPECT_EQ(json::parse(as_json.out)["results"][0]["finish_reason"], "stop");
}

TEST(Cli, ChatEndsAtTheModelsEndToken) {
  const Outcome o = Invar({"generate", "-m", Qwen3(), "--chat", "-p", "What news?", "-n", "400", "--temp", "0", "--json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const json result = json::parse(o.out)["results"][0];
  EXPECT_NE(result["prompt"].get<std::string>().find("What news?"), std::string::npos);
  EXPECT_NE(result["prompt"].get<std::string>(), "What news?");
  EXPECT_EQ(result["finish_reason"], "end");
  const Outcome past = Invar({"generate", "-m", Qwen3(), "--chat", "-p", "What news?", "-n", "400", "--temp", "0", "--json",
                              "--ignore-eos"});
  EXPECT_GT(json::parse(past.out)["results"][0]["ids"].size(), result["ids"].size());
}

TEST(Cli, ChatFlagsReachTheTemplate) {
  const TemporaryDirectory folder;
  std::filesystem::copy(ModelDir("qwen3"), folder / "m", std::filesystem::copy_options::recursive);
  const std::string model = (folder / "m").string();
  WriteText(folder / "m/chat_template.jinja",
            "{% for m in messages %}{{ m.role }}={{ m.content }};{% if m.role == 'critic' %}{{ raise_exception('No critics, please: ' ~ m.content) }}"
            "{% endif %}{% endfor %}{{ tools | tojson }} {{ enable_thinking }} {{ level }}{{ strftime_now('%d %B %Y') }}");
  WriteText(folder / "messages.json", R"([{"role": "user", "content": "A"}, {"role": "assistant", "content": "B", "name": null}])");
  WriteText(folder / "tools.json", R"([{"name": "caf\u00e9", "n": 1.0}])");
  const auto prompt = [&](std::vector<std::string> flags) -> std::string {
    std::vector<std::string> arguments = {"generate", "-m", model, "--chat", "-n", "1", "--json", "-q", "--date", "2026-11-24"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome o = Invar(arguments);
    return o.code == 0 ? json::parse(o.out)["results"][0]["prompt"].get<std::string>() : o.err;
  };
  const std::string messages = (folder / "messages.json").string(), tools = (folder / "tools.json").string(), day = "24 November 2026";
  EXPECT_EQ(prompt({"-p", "C"}), "user=C;null  " + day);
  EXPECT_EQ(prompt({"-p", "C", "--system", "S"}), "system=S;user=C;null  " + day);
  EXPECT_EQ(prompt({"--messages", messages}), "user=A;assistant=B;null  " + day);
  EXPECT_EQ(prompt({"--messages", messages, "-p", "C", "--system", "S"}), "system=S;user=A;assistant=B;user=C;null  " + day);
  EXPECT_EQ(prompt({"-p", "C", "--tools", tools}), "user=C;[{\"name\": \"caf\u00e9\", \"n\": 1.0}]  " + day);
  EXPECT_EQ(prompt({"-p", "C", "--no-thinking"}), "user=C;null False " + day);
  EXPECT_EQ(prompt({"-p", "C", "--chat-var", "enable_thinking=true", "--chat-var", "level=high"}), "user=C;null True high" + day);
  EXPECT_EQ(prompt({"-p", "C", "--chat-var", "tools=[]"}), "user=C;[]  " + day);
  // What would be lost without a word.
  for (const char* name : {"messages", "add_generation_prompt"}) {
    ExpectRefused({"generate", "-m", model, "--chat", "-p", "C", "--chat-var", std::string(name) + "=1"}, 2, {name, "set by the program"});
  }
  ExpectRefused({"generate", "-m", model, "--chat", "-p", "C", "--tools", tools, "--chat-var", "tools=[]"}, 2, {"'tools'", "--tools"});
  ExpectRefused({"generate", "-m", model, "--chat", "-p", "C", "--no-thinking", "--chat-var", "enable_thinking=true"}, 2, {"--no-thinking"});
  ExpectRefused({"generate", "-m", model, "--chat", "-p", "C", "--chat-var", "level=1", "--chat-var", "level=2"}, 2, {"'level'", "once"});
  EXPECT_NE(prompt({"-p", "C", "--date", "2024-02-29"}).find("--date"), std::string::npos);  // given twice
  // A template that raises, one that wants the day, and files that are no messages or tools.
  WriteText(folder / "critic.json", R"([{"role": "critic", "content": "x"}])");
  ExpectRefused({"generate", "-m", model, "--chat", "--messages", (folder / "critic.json").string(), "--date", "2026-11-24"}, 1, {"No critics, please: x"});
  ExpectRefused({"generate", "-m", model, "--chat", "-p", "C"}, 1, {"--date", "chat_template.jinja"});
  WriteText(folder / "empty.json", "[]");
  WriteText(folder / "words.json", R"(["a"])");
  ExpectRefused({"generate", "-m", model, "--chat", "--messages", (folder / "empty.json").string()}, 1, {"no messages"});
  ExpectRefused({"generate", "-m", model, "--chat", "--messages", (folder / "words.json").string()}, 1, {"message 1"});
  ExpectRefused({"generate", "-m", model, "--chat", "-p", "C", "--tools", (folder / "words.json").string()}, 2, {"--tools", "object"});
  ExpectRefused({"generate", "-m", model, "-p", "C", "--no-thinking"}, 2, {"--chat"});
  // A template that does not know enable_thinking ignores it.
  const Outcome o = Invar({"generate", "-m", Qwen3(), "--chat", "-p", "C", "-n", "1", "--json", "-q", "--no-thinking"});
  ASSERT_EQ(o.code, 0) << o.err;
}

TEST(Cli, LogitsPrintsItsFingerprintAndWritesTheTensor) {
  const TemporaryDirectory folder;
  const Reference reference = References("qwen3")[0];
  WriteText(folder / "ids.json", json(reference.ids).dump());
  const std::string output = (folder / "logits.safetensors").string();
  const Outcome o = Invar({"logits", "-m", Qwen3(), "--ids-file", (folder / "ids.json").string(), "-o", output, "--chunk",
                           "5", "--batch", "4", "-t", "2", "--logprobs"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out.substr(0, 64), reference.fingerprint);
  const SafetensorsFile file = SafetensorsFile::Open(output);
  const TensorView& logits = file.Get("logits");
  EXPECT_EQ(logits.shape, (std::vector<uint64_t>{reference.ids.size(), 1024}));
  EXPECT_EQ(logits.dtype, DType::kF32);
  const std::vector<float> values = TensorValues<float>(file, "logits");
  EXPECT_EQ(Fingerprint(values.data(), values.size()), reference.fingerprint);
  EXPECT_EQ(TensorValues<float>(file, "logprobs").size(), reference.ids.size() - 1);
  EXPECT_EQ(TensorValues<int32_t>(file, "ids"), reference.ids);
  // A failure leaves what was there.
  const std::string before = FileText(output);
  EXPECT_EQ(Invar({"logits", "-m", Qwen3(), "--ids", "5000", "-o", output}).code, 1);
  EXPECT_EQ(FileText(output), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2) << "a temporary file was left";
  const Outcome as_json = Invar({"logits", "-m", Qwen3(), "--ids-file", (folder / "ids.json").string(), "--json"});
  EXPECT_EQ(json::parse(as_json.out)["fingerprint"], reference.fingerprint);
}

TEST(Cli, InfoSaysWhatThereIs) {
  const Outcome o = Invar({"info", "--json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const json info = json::parse(o.out);
  EXPECT_EQ(info["version"], kVersion);
  EXPECT_EQ(info["contract"], INVAR_CONTRACT_VERSION);
  EXPECT_EQ(info["isa"]["compiled"], json(CompiledIsas()));
  EXPECT_EQ(info["isa"]["supported"], json(SupportedIsas()));
  EXPECT_EQ(info["isa"]["chosen"], SupportedIsas().front());
  std::string least = SupportedIsas().back();
  for (char& c : least) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  EXPECT_EQ(json::parse(Invar({"info", "--json", "--isa", least}).out)["isa"]["chosen"], SupportedIsas().back());
}

TEST(Cli, TokenizesAndBack) {
  const TemporaryDirectory folder;
  std::filesystem::copy(ModelDir("gpt2") / "tokenizer.json", folder / "tokenizer.json");
  const std::string directory = folder.path().string(), text = "ROMEO:\nCafé \n";
  const Outcome ids = Invar({"tokenize", "-m", directory, "-f", "-"}, text);
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(Invar({"detokenize", "-m", directory, "--ids", ids.out.substr(0, ids.out.size() - 1)}).out, text);
  const json both = json::parse(Invar({"tokenize", "-m", directory, "-p", text, "-p", "a", "--json"}).out);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0]["ids"].size(), both[0]["tokens"].size());
  WriteText(folder / "ids.json", both[0]["ids"].dump());
  EXPECT_EQ(json::parse(Invar({"detokenize", "-m", directory, "--ids-file", (folder / "ids.json").string(), "--json"}).out)["text"], text);
  ExpectRefused({"detokenize", "-m", directory, "--ids", "99999"}, 1, {"99999"});
  ExpectRefused({"detokenize", "-m", directory}, 2, {"--ids"});
  ExpectRefused({"tokenize", "-m", directory}, 2, {"-p TEXT"});
  ExpectRefused({"tokenize", "-m", (folder / "none").string(), "-p", "a"}, 1, {"none"});
}

// The windows and the mean, written down again from the logits of each window on its own.
TEST(Cli, PerplexityIsThatOfTheLogProbabilities) {
  const Engine& engine = EngineOf("gpt2");
  const std::vector<int32_t> ids = RandomIds(engine, 100);
  std::string list;
  for (const int32_t id : ids) list += (list.empty() ? "" : ",") + std::to_string(id);
  const json found = json::parse(Invar({"perplexity", "-m", Gpt2(), "--ids", list, "--window", "40", "--stride", "15", "--json", "-q"}).out);
  double sum = 0;
  size_t counted = 1, windows = 0;
  for (size_t begin = 0; counted < ids.size(); begin += 15, ++windows) {
    const std::vector<int32_t> part(ids.begin() + static_cast<ptrdiff_t>(begin),
                                    ids.begin() + static_cast<ptrdiff_t>(std::min(begin + 40, ids.size())));
    const std::vector<float> scores = LogProbabilities(engine, part, Logits(engine, part, {}));
    for (; counted < begin + part.size(); ++counted) sum += static_cast<double>(scores[counted - 1 - begin]);
  }
  EXPECT_EQ(found["tokens"], 99u);
  EXPECT_EQ(found["windows"].get<size_t>(), windows);
  EXPECT_EQ(found["mean_log_probability"].get<double>(), sum / 99);
  EXPECT_NEAR(found["perplexity"].get<double>() / std::exp(-sum / 99), 1, 1e-14);
  EXPECT_GT(found["uncertainty"].get<double>(), 0);
  // Text that the model was trained on is far less surprising than random tokens.
  const json text = json::parse(Invar({"perplexity", "-m", Gpt2(), "-p", "ROMEO:\nI will not go to the king, my lord.", "--json", "-q"}).out);
  EXPECT_LT(text["perplexity"].get<double>(), found["perplexity"].get<double>() / 5);
  // One token has no standard error; and a log gets no progress line.
  const Outcome one = Invar({"perplexity", "-m", Gpt2(), "--ids", "1,2"});
  EXPECT_NE(one.out.find("no standard error: one token"), std::string::npos) << one.out;
  EXPECT_EQ(one.out.find("+/-"), std::string::npos) << one.out;
  EXPECT_EQ(one.err, "");
  EXPECT_TRUE(json::parse(Invar({"perplexity", "-m", Gpt2(), "--ids", "1,2", "--json"}).out)["uncertainty"].is_null());
  ExpectRefused({"perplexity", "-m", Gpt2(), "-p", "a", "-q"}, 2, {"fewer than two tokens"});
  ExpectRefused({"perplexity", "-m", Gpt2(), "-p", "a b c", "--window", "4000", "-q"}, 2, {"positions"});
  ExpectRefused({"perplexity", "-m", Gpt2(), "-p", "a b c", "--window", "4", "--stride", "4", "-q"}, 2, {"stride"});
}

TEST(Cli, VerifyPrintsATableOfEqualFingerprints) {
  const Outcome o = Invar({"verify", "-m", Gpt2(), "--preset", "demo", "-p", "ROMEO:"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("all equal"), std::string::npos);
  for (const std::string& isa : SupportedIsas()) EXPECT_NE(o.out.find("\n" + isa + " "), std::string::npos);
  const json report = json::parse(Invar({"verify", "-m", Gpt2(), "--preset", "demo", "--json"}).out);
  EXPECT_TRUE(report["equal"].get<bool>());
  EXPECT_GT(report["compared"].get<size_t>(), 100000u);
  const std::string least = SupportedIsas().back();
  for (const std::string& isas : {least, least + "," + least}) {  // a name given twice compares nothing more
    const Outcome once = Invar({"verify", "-m", Gpt2(), "--preset", "demo", "--length", "3", "--isa", isas});
    EXPECT_NE(once.out.find("all equal: 5 runs"), std::string::npos) << once.out << once.err;
  }
}

void (*true_rope)(const invar_rope_args*);

TEST(Cli, VerifyReportsTheFirstUnequalBit) {
  const Engine& engine = EngineOf("qwen3");
  Kernels broken = Kernels::Of("");
  true_rope = broken.rope;
  broken.rope = [](const invar_rope_args* args) {
    true_rope(args);
    uint32_t bits;
    std::memcpy(&bits, args->x, sizeof(bits));
    bits ^= 0x1000u;
    std::memcpy(args->x, &bits, sizeof(bits));
  };
  VerifyOptions options;
  options.ids = RandomIds(engine, 6);
  options.cases = {{"A", 1, 1, 0, false}, {"B", 1, 1, 0, false}, {"A", 1, 1, 0, false}};
  options.kernels = [&](const std::string& isa) -> const Kernels& { return isa == "B" ? broken : Kernels::Of(""); };
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(cli::ReportVerify(engine, options, false), 1);
  const std::string table = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(table.find("UNEQUAL"), std::string::npos) << table;
  EXPECT_NE(table.find("unequal after 2 runs: tensor rope(q_norm(q)), layer 0, position 0, index 0:"), std::string::npos)
      << table;
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(cli::ReportVerify(engine, options, true), 1);
  std::cout.flush();
  const json report = json::parse(::testing::internal::GetCapturedStdout());
  EXPECT_FALSE(report["equal"].get<bool>());
  EXPECT_EQ(report["runs"][1]["mismatch"]["layer"], 0);
  EXPECT_NE(report["runs"][1]["mismatch"]["expected_bits"], report["runs"][1]["mismatch"]["found_bits"]);
}

TEST(Cli, OutputThatCannotBeWrittenIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  for (const std::string arguments : {"info", "--help", "--version", "generate --help"}) {
    const Outcome o = RunProgram("/bin/sh", {"-c", std::string(INVAR_PROGRAM) + " " + arguments + " > /dev/full"});
    EXPECT_EQ(o.code, 1) << arguments;
    EXPECT_NE(o.err.find("standard output"), std::string::npos) << arguments << o.err;
  }
}

}  // namespace
}  // namespace invar::testing
