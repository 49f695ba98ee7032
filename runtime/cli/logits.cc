// invar logits: the logits of a text, their fingerprint, and log-probabilities.
#include <iostream>

#include "invar/kernels.h"
#include "runtime/base/error.h"
#include "runtime/base/sha256.h"
#include "runtime/cli/catch_interrupts.h"
#include "runtime/cli/common.h"
#include "runtime/engine/score.h"
#include "runtime/weights/safetensors.h"

namespace invar::cli {
namespace {

struct LogitsFlags {
  EngineFlags engine;
  PromptFlags prompt;
  IdsFlags ids;
  std::string output;
  int64_t chunk = 0, batch = 1;
  bool log_probabilities = false, json = false;
};

std::vector<int32_t> ReadIds(const LogitsFlags& flags) {
  if (flags.ids.given() && flags.prompt.given()) {
    throw UsageError("a text (-p, -f) and token ids (--ids, --ids-file) exclude each other; give one of them");
  }
  if (!flags.ids.given() && !flags.prompt.given()) {
    throw UsageError("give the text either as --prompt or --file, or as --ids or --ids-file");
  }
  if (flags.ids.given()) return flags.ids.Read();
  const std::vector<std::string> prompts = flags.prompt.Read();
  if (prompts.size() != 1) throw UsageError("logits takes one prompt; run it once for each");
  const std::vector<int32_t> ids = Tokenizer::Load(flags.engine.path()).Encode(prompts[0]);
  if (ids.empty()) throw UsageError("the prompt is empty, so it has no logits; give some text");
  return ids;
}

// Tensors of the output file; the views point into the vectors given.
void WriteOutput(const std::string& path, const std::vector<int32_t>& ids, const std::vector<float>& logits,
                 const std::vector<float>& log_probabilities, size_t vocab_size, const std::string& fingerprint) {
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  std::vector<NamedTensor> tensors;
  tensors.push_back({"logits", DType::kF32, {ids.size(), vocab_size}, bytes(logits)});
  tensors.push_back({"ids", DType::kI32, {ids.size()}, bytes(ids)});
  if (!log_probabilities.empty()) {
    tensors.push_back({"logprobs", DType::kF32, {log_probabilities.size()}, bytes(log_probabilities)});
  }
  WriteSafetensors(path, tensors,
                   {{"fingerprint", fingerprint}, {"contract", std::to_string(INVAR_CONTRACT_VERSION)}});
}

int RunLogits(const LogitsFlags& flags) {
  if (flags.batch < 1 || flags.batch > 4096) throw UsageError("--batch must be between 1 and 4096");
  if (flags.chunk < 0) throw UsageError("--chunk must be 1 or more, or 0 for the whole text at once");
  const std::vector<int32_t> ids = ReadIds(flags);
  if (!flags.output.empty()) {
    std::vector<std::string> inputs = flags.prompt.files;
    inputs.push_back(flags.ids.file);
    RequireWritable(flags.output, flags.engine.path(), inputs);
  }
  const Engine engine = flags.engine.Load();
  Feeding feeding;
  feeding.chunk = static_cast<size_t>(flags.chunk);
  feeding.batch = static_cast<size_t>(flags.batch);
  const std::vector<float> logits = Logits(engine, ids, feeding);
  std::vector<float> log_probabilities;
  if (flags.log_probabilities) log_probabilities = LogProbabilities(engine, ids, logits);
  const std::string fingerprint = Fingerprint(logits.data(), logits.size());
  if (!flags.output.empty()) {
    const CatchInterrupts caught;
    WriteOutput(flags.output, ids, logits, log_probabilities, engine.vocab_size(), fingerprint);
  }
  if (flags.json) {
    nlohmann::ordered_json json = {{"fingerprint", fingerprint},
                                   {"shape", {ids.size(), engine.vocab_size()}},
                                   {"ids", ids},
                                   {"isa", engine.kernels().isa()},
                                   {"threads", engine.threads()}};
    if (flags.log_probabilities) json["logprobs"] = log_probabilities;
    PrintJson(json);
    return 0;
  }
  std::cout << fingerprint << "  logits [" << ids.size() << ", " << engine.vocab_size() << "]\n";
  for (size_t i = 0; i < log_probabilities.size(); ++i) {
    char line[64];
    std::snprintf(line, sizeof(line), "%zu\t%d\t%.9g\n", i + 1, ids[i + 1], log_probabilities[i]);
    std::cout << line;
  }
  return 0;
}

}  // namespace

void AddLogits(CLI::App& app, Action& action) {
  CLI::App* logits = app.add_subcommand("logits", "logits of a text, and their SHA-256 fingerprint");
  auto flags = std::make_shared<LogitsFlags>();
  flags->engine.Add(*logits);
  flags->prompt.Add(*logits);
  flags->ids.Add(*logits);
  logits->add_option("-o,--output", flags->output, "safetensors file for the tensor logits [T, vocab]")
      ->check(CLI::Validator(CheckOutput, ""));
  logits->add_option("--chunk", flags->chunk, "feed the text in pieces of this many tokens; 0: at once")
      ->check(CLI::Validator(CheckInteger, ""));
  logits->add_option("--batch", flags->batch, "rows of the batch: this text and others of other lengths")
      ->check(CLI::Validator(CheckInteger, ""));
  logits->add_flag("--logprobs", flags->log_probabilities, "the log-probability of each token after the first");
  logits->add_flag("--json", flags->json, "print JSON");
  logits->callback([&action, flags] { action = [flags] { return RunLogits(*flags); }; });
}

}  // namespace invar::cli
