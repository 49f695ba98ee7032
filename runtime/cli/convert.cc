// invar convert: a model's directory written anew, in another type, in shards, or from a GGUF file.
#include "runtime/model/convert.h"

#include <charconv>
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/cli/catch_interrupts.h"
#include "runtime/cli/common.h"

namespace invar::cli {
namespace {

struct ConvertFlags {
  EngineFlags model;
  std::string output, type = "keep", shard;
  bool force = false, json = false;
};

std::optional<DType> TypeOf(const std::string& name) {
  if (name == "keep") return std::nullopt;
  if (name == "f32") return DType::kF32;
  if (name == "f16") return DType::kF16;
  if (name == "bf16") return DType::kBF16;
  throw UsageError("--type " + Quoted(name) + " is unknown; choose f32, bf16, f16 or keep");
}

// "5GB": decimal units, as save_pretrained's max_shard_size.
uint64_t ShardBytes(const std::string& text) {
  if (text.empty()) return 0;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, static_cast<const char*>(text.data() + text.size()));
  const uint64_t scale = unit.empty() || unit == "B" ? 1 : unit == "KB" ? 1000 : unit == "MB" ? 1000000 : unit == "GB" ? 1000000000 : 0;
  if (error != std::errc() || scale == 0 || number == 0 || number > UINT64_MAX / scale) {
    throw UsageError("--shard " + Quoted(text) + " is no size; write bytes, or a whole number with KB, MB or GB, such as 5GB");
  }
  return number * scale;
}

int RunConvert(const ConvertFlags& flags) {
  ConvertOptions options;
  options.type = TypeOf(flags.type);
  options.shard_bytes = ShardBytes(flags.shard);
  options.replace = flags.force;
  const CatchInterrupts caught;
  const Converted done = Convert(flags.model.path(), flags.output, options);
  if (flags.json) {
    PrintJson({{"directory", flags.output}, {"tensors", done.tensors}, {"files", done.files}, {"bytes", done.bytes}});
  } else {
    std::cout << flags.output << ": " << done.tensors << " tensors, " << done.bytes << " bytes in " << done.files
              << (done.files == 1 ? " file\n" : " files\n");
  }
  std::cout.flush();
  if (!std::cout) {
    throw Error("the directory " + flags.output + " was written, but standard output could not be; the disk may be full or the reader gone");
  }
  return 0;
}

}  // namespace

void AddConvert(CLI::App& app, Action& action) {
  CLI::App* convert = app.add_subcommand("convert", "write a model's directory anew: in another type, in shards, or from a GGUF file");
  convert->footer("Written beside the weights: config.json, and of the model's directory generation_config.json, tokenizer*.json, "
                  "tokenizer.model, vocab.json, merges.txt, added_tokens.json, special_tokens_map.json, chat_template.json, "
                  "chat_template.jinja and additional_chat_templates/*.jinja. No other file is copied.");
  auto flags = std::make_shared<ConvertFlags>();
  flags->model.Add(*convert, false, false, false);
  convert->add_option("-o,--output", flags->output, "directory to write; it appears whole or not at all")->required();
  convert->add_option("--type", flags->type, "type of the weights: f32, bf16, f16 (to nearest even), or keep");
  convert->add_option("--shard", flags->shard, "bytes of weights in one file at most, such as 5GB; otherwise one file");
  convert->add_flag("--force", flags->force, "replace the directory where it holds a checkpoint (config.json, weights) and nothing else");
  convert->add_flag("--json", flags->json, "print JSON");
  convert->callback([&action, flags] { action = [flags] { return RunConvert(*flags); }; });
}

}  // namespace invar::cli
