// invar replay: a receipt computed again, and compared.
#include <cstdio>
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/cli/common.h"
#include "runtime/cli/text_stream.h"
#include "runtime/engine/replay.h"

namespace invar::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ReplayFlags {
  EngineFlags engine;
  std::string receipt;
  int64_t batch = 0;
  bool any_model = false, json = false;
};

// What is not the same, of one sequence.
struct Difference {
  std::string sentence;
  Json json;
};

Json ToJson(const ReplayStep& step) {
  Json json = Json::object();
  if (!step.logits.empty()) json["logits_sha256"] = step.logits;
  if (step.id >= 0) json["id"] = step.id;
  if (!step.finish.empty()) json["finish_reason"] = step.finish;
  return json;
}

std::string Ending(const ReplayStep& step) {
  return step.finish.empty() ? "no end" : "the end (" + step.finish + ")";
}

std::string Token(const ReplayStep& step) { return step.id < 0 ? "no token" : "token " + std::to_string(step.id); }

Difference Describe(const ReplayDifference& d) {
  const ReplayStep &e = d.expected, &f = d.found;
  std::string what;
  if (e.logits.empty() || f.logits.empty()) {
    what = (e.logits.empty() ? Ending(e) : Token(e)) + " expected, " + (f.logits.empty() ? Ending(f) : Token(f)) + " found";
  } else if (e.logits != f.logits) {
    what = "logits with sha-256 " + e.logits + " expected, " + f.logits + " found; " + Token(e) + " expected, " + Token(f) + " found";
  } else if (e.id != f.id) {
    what = Token(e) + " expected, " + Token(f) + " found, from the same logits";
  } else {
    what = Ending(e) + " expected, " + Ending(f) + " found, after the same token";
  }
  return {"sequence " + std::to_string(d.sequence + 1) + ", step " + std::to_string(d.step + 1) + ", position " + std::to_string(d.position) +
              ": " + what,
          {{"sequence", d.sequence + 1}, {"step", d.step + 1}, {"position", d.position}, {"expected", ToJson(e)}, {"found", ToJson(f)}}};
}

// The texts are for people, who would believe them: they must be those of the tokens.
std::optional<std::string> WrongText(const SequenceReceipt& s, const Tokenizer& tokenizer) {
  // A chat's prompt has its special tokens written out, another's is given them.
  if (s.prompt && tokenizer.Encode(*s.prompt, true) != s.request.prompt && tokenizer.Encode(*s.prompt, false) != s.request.prompt) {
    return "the prompt " + Quoted(*s.prompt) + " is not the text of prompt_ids";
  }
  TextStream stream(tokenizer, s.stop);
  for (size_t i = 0; i < s.ids.size(); ++i) {
    if (stream.stopped()) return "the text meets a stop string at token " + std::to_string(i) + " of " + std::to_string(s.ids.size());
    stream.Add(s.ids[i]);
  }
  const bool stopped = stream.stopped();
  stream.Finish();
  if (stopped != (s.reason == FinishReason::kStopped)) {
    return std::string("the finish_reason is ") + FinishName(s.reason) + ", and the tokens' text " + (stopped ? "meets a stop string" : "meets none");
  }
  if (stream.text() == s.text) return std::nullopt;
  return "the text " + Quoted(s.text) + " is not that of ids, which is " + Quoted(stream.text());
}

void PrintReport(const Receipt& receipt, const ReplayResult& result, const std::vector<Difference>& differences, bool checked, bool json) {
  const size_t sequences = receipt.sequences.size();
  if (json) {
    Json report = {{"equal", differences.empty()}, {"sequences", sequences}, {"steps", result.steps}, {"model_compared", checked},
                   {"differences", Json::array()}};
    for (const Difference& d : differences) report["differences"].push_back(d.json);
    PrintJson(report);
    return;
  }
  if (differences.empty()) {
    std::cout << "equal: " << result.steps << (result.steps == 1 ? " step of " : " steps of ") << sequences
              << (sequences == 1 ? " sequence" : " sequences") << (checked ? "" : "; the model's hashes were not compared") << "\n";
  }
  for (const Difference& d : differences) std::cout << "unequal: " << d.sentence << "\n";
}

int RunReplay(const ReplayFlags& flags) {
  if (flags.batch < 0 || flags.batch > 4096) throw UsageError("--batch must be between 1 and 4096, or 0 for all sequences at once");
  const std::string source = flags.receipt == "-" ? "the receipt from standard input" : "the receipt " + Quoted(flags.receipt);
  const Receipt receipt = Receipt::Parse(ReadText(flags.receipt), source);
  if (!flags.any_model) {
    RequireSameModel(receipt.header, HashModel(flags.engine.path(), flags.engine.threads).identity, source,
                     "-m " + Quoted(flags.engine.model));
  }
  const Tokenizer tokenizer = Tokenizer::Load(flags.engine.path());
  const Engine engine = flags.engine.Load();
  const ReplayResult result = Replay(engine, receipt, static_cast<size_t>(flags.batch));
  std::vector<Difference> differences;
  for (const ReplayDifference& d : result.differences) differences.push_back(Describe(d));
  for (size_t i = 0; i < receipt.sequences.size(); ++i) {
    const std::optional<std::string> wrong = WrongText(receipt.sequences[i], tokenizer);
    if (wrong) differences.push_back({"sequence " + std::to_string(i + 1) + ": " + *wrong, {{"sequence", i + 1}, {"text", *wrong}}});
  }
  PrintReport(receipt, result, differences, !flags.any_model, flags.json);
  return differences.empty() ? 0 : 1;
}

}  // namespace

void AddReplay(CLI::App& app, Action& action) {
  CLI::App* replay = app.add_subcommand("replay", "compute again what a receipt of invar generate says, and compare every step");
  replay->footer("Exit status 0: equal. 1: unequal, and where is printed on standard output; or no receipt, or of another model, and "
                 "why is printed on standard error.");
  auto flags = std::make_shared<ReplayFlags>();
  replay->add_option("receipt", flags->receipt, "file that invar generate --receipt wrote, or - for standard input")->required();
  flags->engine.Add(*replay);
  replay->add_option("--batch", flags->batch, "sequences to compute at once; 0: all")->check(CLI::Validator(CheckInteger, ""));
  replay->add_flag("--any-model", flags->any_model,
                   "do not compare the model's hashes: to see where another model parts, or where they were compared already");
  replay->add_flag("--json", flags->json, "print JSON");
  replay->callback([&action, flags] { action = [flags] { return RunReplay(*flags); }; });
}

}  // namespace invar::cli
