// invar verify: the same text computed in every way that must not matter, compared bit by bit.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/cli/common.h"
#include "runtime/cli/verify.h"

namespace invar::cli {
namespace {

struct VerifyFlags {
  EngineFlags engine;
  PromptFlags prompt;
  IdsFlags ids;
  std::vector<std::string> isas;
  std::string preset = "standard";
  std::optional<int64_t> length;
  bool json = false;
  std::string export_to, against;
};

// What is verified when nothing is said: any text does, and ids need no tokenizer.
std::vector<int32_t> DefaultIds(const ModelConfig& config, std::optional<int64_t> length) {
  if (length && (*length < 1 || static_cast<uint64_t>(*length) > config.max_positions)) {
    throw UsageError("--length must be from 1 to the model's " + std::to_string(config.max_positions) + " positions");
  }
  std::vector<int32_t> ids(length ? static_cast<size_t>(*length) : std::min<size_t>(40, config.max_positions));
  uint64_t state = 1;
  for (int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    id = static_cast<int32_t>((state >> 33) % config.vocab_size);
  }
  return ids;
}

std::vector<int32_t> ReadIds(const VerifyFlags& flags, const ModelConfig& config) {
  if (flags.ids.given() && flags.prompt.given()) throw UsageError("give either a prompt or ids, not both");
  if (flags.ids.given()) return flags.ids.Read();
  if (!flags.prompt.given()) return DefaultIds(config, flags.length);
  const std::vector<std::string> prompts = flags.prompt.Read();
  if (prompts.size() != 1) throw UsageError("verify takes one prompt; run it once for each");
  const std::vector<int32_t> ids = Tokenizer::Load(flags.engine.path()).Encode(prompts[0]);
  if (ids.empty()) throw UsageError("the prompt is empty, so there is nothing to verify; give some text");
  return ids;
}

// In the order given, each once: a second time would compare nothing more, and count.
std::vector<std::string> IsasOf(const std::vector<std::string>& given) {
  if (given.empty()) return SupportedIsas();
  std::vector<std::string> isas;
  for (const std::string& list : given) {
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      if (end == begin) {
        throw UsageError("--isa " + Quoted(list) + " has an empty name; give names separated by commas, or leave it out to run all");
      }
      const std::string isa = Kernels::Of(list.substr(begin, end - begin)).isa();
      if (std::find(isas.begin(), isas.end(), isa) == isas.end()) isas.push_back(isa);
      begin = end + 1;
    }
  }
  return isas;
}

VerifyPreset PresetOf(const std::string& name) {
  if (name == "demo") return VerifyPreset::kDemo;
  if (name == "standard") return VerifyPreset::kStandard;
  if (name == "full") return VerifyPreset::kFull;
  throw UsageError("--preset " + name + " is unknown; choose demo, standard or full");
}

// The pool that every case draws its threads from: the most that any case asks for.
constexpr int kMostThreads = 16;

uint32_t Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

std::string Chunk(const VerifyCase& how) { return how.chunk == 0 ? "whole" : std::to_string(how.chunk); }

void PrintHeader(bool against) {
  std::printf("%-9s %7s %5s %6s  %-5s  %-16s  %s\n", "isa", "threads", "batch", "chunk", "load", "sha-256 of logits",
              against ? "compared with the file" : "compared with the first row");
}

// `alone`: there is nothing to compare the row with.
void PrintRow(const VerifyResult& r, bool alone) {
  std::printf("%-9s %7d %5zu %6s  %-5s  %.16s  ", r.how.isa.c_str(), r.how.threads, r.how.batch, Chunk(r.how).c_str(),
              r.how.fresh_load ? "fresh" : "-", r.fingerprint.c_str());
  if (alone) {
    std::printf("-\n");
  } else if (r.equal()) {
    std::printf("equal, %zu values\n", r.values);
  } else {
    std::printf("UNEQUAL\n");
  }
  std::fflush(stdout);
}

std::string Where(const Mismatch& m) {
  char text[256];
  std::snprintf(text, sizeof(text), "tensor %s, layer %d, position %zu, index %zu: %.9g (0x%08" PRIX32
                ") expected, %.9g (0x%08" PRIX32 ") found",
                m.tensor.c_str(), m.layer, m.position, m.index, m.expected, Bits(m.expected), m.found, Bits(m.found));
  return text;
}

std::string Where(const Parting& p) {
  const std::string tensor = Quoted(p.tensor) + (p.layer < 0 ? "" : " of layer " + std::to_string(p.layer));
  if (!p.position) return "tensor " + tensor + ": sha-256 " + p.expected + " expected, " + p.found + " found; the logits are the file's";
  return "logits at position " + std::to_string(*p.position) + ": sha-256 " + p.expected + " expected, " + p.found + " found" +
         (p.tensor.empty() ? "" : "; the first tensor that differs is " + tensor);
}

std::string Where(const VerifyResult& r) { return r.parting ? Where(*r.parting) : Where(*r.mismatch); }

nlohmann::ordered_json ToJson(const VerifyResult& r) {
  nlohmann::ordered_json json = {{"isa", r.how.isa},       {"threads", r.how.threads},
                                 {"batch", r.how.batch},   {"chunk", r.how.chunk},
                                 {"fresh_load", r.how.fresh_load}, {"fingerprint", r.fingerprint},
                                 {"compared", r.values},   {"equal", r.equal()}};
  if (r.mismatch) {
    const Mismatch& m = *r.mismatch;
    json["mismatch"] = {{"tensor", m.tensor},
                        {"layer", m.layer},
                        {"position", m.position},
                        {"index", m.index},
                        {"expected", m.expected},
                        {"found", m.found},
                        {"expected_bits", Bits(m.expected)},
                        {"found_bits", Bits(m.found)}};
  }
  if (r.parting) {
    const Parting& p = *r.parting;
    json["parting"] = {{"expected", p.expected}, {"found", p.found}};
    if (p.position) json["parting"]["position"] = *p.position;
    if (!p.tensor.empty()) json["parting"]["tensor"] = p.tensor;
    if (p.layer >= 0) json["parting"]["layer"] = p.layer;
  }
  return json;
}

// What the file's tensors inside the model came to: without it, a file of one would look like a file of all.
void PrintCoverage(const Coverage& c) {
  std::printf("of the way to the logits, %zu of the file's %zu tensors compared; the model computes %zu\n", c.compared, c.in_file, c.in_model);
  if (c.passed_over.empty()) return;
  std::printf("passed over, as another release has names that this one does not know: %zu, the first of them %s\n", c.passed_over.size(),
              c.passed_over[0].c_str());
}

// Made after every way has agreed, by one more run.
void Export(const Engine& engine, const VerifyFlags& flags, const std::vector<int32_t>& ids) {
  const FingerprintFile file = MakeFingerprints(engine, ids, HashModel(flags.engine.path(), 0).identity, Feeding());
  WriteWholeFile(flags.export_to, file.Text());
  if (flags.json) return;
  std::printf("%s: fingerprints of the logits at %zu positions and of %zu tensors on the way\n", flags.export_to.c_str(),
              file.positions.size(), file.tensors.size());
}

std::string SourceOf(const VerifyFlags& flags) { return "--against " + Quoted(flags.against); }

FingerprintFile ReadAgainst(const VerifyFlags& flags) {
  if (flags.ids.given() || flags.prompt.given() || flags.length) {
    throw UsageError("--against takes its ids from the file; leave -p, -f, --ids, --ids-file and --length out");
  }
  const std::string source = SourceOf(flags);
  FingerprintFile file = FingerprintFile::Parse(ReadText(flags.against), source);
  RequireSameModel(file.header, HashModel(flags.engine.path(), 0).identity, source, "-m " + Quoted(flags.engine.model));
  return file;
}

int RunVerify(const VerifyFlags& flags) {
  if (!flags.export_to.empty() && !flags.against.empty()) {
    throw UsageError("--export and --against exclude each other; give one of them");
  }
  std::optional<FingerprintFile> expected;
  if (!flags.against.empty()) expected = ReadAgainst(flags);
  if (!flags.export_to.empty()) {
    std::vector<std::string> inputs = flags.prompt.files;
    inputs.push_back(flags.ids.file);
    RequireWritable(flags.export_to, flags.engine.path(), inputs);
  }
  const VerifyPreset preset = PresetOf(flags.preset);
  const std::vector<std::string> isas = IsasOf(flags.isas);
  EngineFlags load = flags.engine;
  load.isa = isas.front();
  load.threads = kMostThreads;
  const Engine engine = load.Load();

  VerifyOptions options;
  options.model_directory = flags.engine.path();
  options.ids = expected ? expected->ids : ReadIds(flags, engine.model().config());
  options.expected = expected ? &*expected : nullptr;
  if (expected) {
    options.source = SourceOf(flags);
    options.coverage = Cover(engine, *expected, options.source);
  }
  options.cases = VerifyCases(preset, isas, options.ids.size());
  const int code = ReportVerify(engine, options, flags.json);
  if (code == 0 && !flags.export_to.empty()) Export(engine, flags, options.ids);
  return code;
}

}  // namespace

int ReportVerify(const Engine& engine, VerifyOptions options, bool json) {
  if (!json) {
    std::printf("%zu ways to compute the logits of %zu tokens\n", options.cases.size(), options.ids.size());
    PrintHeader(options.expected != nullptr);
  }
  bool first = options.expected == nullptr;
  options.on_result = [&](const VerifyResult& r) {
    if (!json) PrintRow(r, first);
    first = false;
    return true;
  };
  const std::vector<VerifyResult> results = Verify(engine, options);

  size_t values = 0;
  for (const VerifyResult& r : results) values += r.values;
  const bool equal = results.back().equal();
  if (json) {
    nlohmann::ordered_json report = {{"equal", equal}, {"compared", values}, {"tokens", options.ids.size()}};
    if (options.coverage) {
      const Coverage& c = *options.coverage;
      report["tensors"] = {{"compared", c.compared}, {"in_file", c.in_file}, {"in_model", c.in_model}, {"passed_over", c.passed_over}};
    }
    for (const VerifyResult& r : results) report["runs"].push_back(ToJson(r));
    PrintJson(report);
    return equal ? 0 : 1;
  }
  if (options.coverage) PrintCoverage(*options.coverage);
  if (equal) {
    std::printf("all equal: %zu runs, %zu values compared %s; sha-256 %s\n", results.size(), values,
                options.expected != nullptr ? "with the file's by their sha-256" : "bit by bit", results[0].fingerprint.c_str());
  } else {
    std::printf("unequal after %zu runs: %s\n", results.size(), Where(results.back()).c_str());
  }
  return equal ? 0 : 1;
}

void AddVerify(CLI::App& app, Action& action) {
  CLI::App* verify = app.add_subcommand(
      "verify", "compute one text's logits on every instruction set, with other threads, batches, chunks and loads, and "
                "compare every bit");
  auto flags = std::make_shared<VerifyFlags>();
  flags->engine.Add(*verify, false, false);
  flags->prompt.Add(*verify);
  flags->ids.Add(*verify);
  verify->add_option("--isa", flags->isas, "instruction sets to run, separated by commas; all supported otherwise")
      ->allow_extra_args(false)
      ->envname("INVAR_ISA");
  verify->add_option("--preset", flags->preset, "how thorough: demo, standard or full");
  verify->add_option("--length", flags->length, "tokens of the built-in text, where neither prompt nor ids are given")
      ->check(CLI::Validator(CheckInteger, ""));
  verify->add_option("--export", flags->export_to, "file to write the fingerprints to, once all are equal, for --against elsewhere")
      ->check(CLI::Validator(CheckOutput, ""));
  verify->add_option("--against", flags->against, "file that --export wrote, or - for standard input: compare with it too, on its ids")
      ->check(CLI::Validator(CheckGiven, ""));
  verify->add_flag("--json", flags->json, "print JSON");
  verify->callback([&action, flags] { action = [flags] { return RunVerify(*flags); }; });
}

}  // namespace invar::cli
