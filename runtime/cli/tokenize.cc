// invar tokenize and detokenize: text to token ids, and back. A directory that holds a tokenizer alone is enough.
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/cli/common.h"

namespace invar::cli {
namespace {

struct TokenizeFlags {
  std::string model;
  PromptFlags prompt;
  IdsFlags ids;
  bool json = false, no_special = false, skip_special = false;

  Tokenizer Load() const {
    EngineFlags directory;
    directory.model = model;
    return Tokenizer::Load(directory.path());
  }
};

int RunTokenize(TokenizeFlags flags) {
  if (!flags.prompt.given()) {
    if (!InputWaits()) throw UsageError("give a text: -p TEXT, -f FILE, or standard input");
    flags.prompt.files = {"-"};
  }
  const Tokenizer tokenizer = flags.Load();
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const std::string& text : flags.prompt.Read()) {
    const std::vector<int32_t> ids = tokenizer.Encode(text, !flags.no_special);
    if (flags.json) {
      nlohmann::ordered_json one = {{"ids", ids}, {"tokens", nlohmann::json::array()}};
      for (const int32_t id : ids) one["tokens"].push_back(tokenizer.TokenBytes(id));
      json.push_back(std::move(one));
      continue;
    }
    for (size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : ",") << ids[i];
    std::cout << "\n";
  }
  if (flags.json) PrintJson(json);
  return 0;
}

int RunDetokenize(TokenizeFlags flags) {
  if (!flags.ids.given()) {
    if (!InputWaits()) throw UsageError("give tokens: --ids 1,2,3, --ids-file FILE, or standard input");
    flags.ids.file = "-";
  }
  const Tokenizer tokenizer = flags.Load();
  const std::vector<int32_t> ids = flags.ids.Read();
  for (const int32_t id : ids) {
    if (static_cast<size_t>(id) >= tokenizer.vocab_size()) {
      throw Error("token id " + std::to_string(id) + " is outside the tokenizer's vocabulary of " +
                  std::to_string(tokenizer.vocab_size()));
    }
  }
  const std::string text = tokenizer.Decode(ids, flags.skip_special);
  if (flags.json) {
    PrintJson({{"text", text}});
  } else {
    std::cout << text;  // and nothing more: the text may go into a file
  }
  return 0;
}

}  // namespace

void AddTokenize(CLI::App& app, Action& action) {
  auto flags = std::make_shared<TokenizeFlags>();
  const auto add_model = [&](CLI::App* command) {
    command->add_option("-m,--model", flags->model, "directory that holds a tokenizer, or GGUF file")->envname("INVAR_MODEL")->required();
    command->add_flag("--json", flags->json, "print JSON");
  };
  CLI::App* tokenize = app.add_subcommand("tokenize", "token ids of a text, from -p, -f or standard input");
  add_model(tokenize);
  flags->prompt.Add(*tokenize);
  tokenize->add_flag("--no-special", flags->no_special, "without the tokens that the tokenizer puts around every text");
  tokenize->callback([&action, flags] { action = [flags] { return RunTokenize(*flags); }; });

  CLI::App* detokenize = app.add_subcommand("detokenize", "the text of token ids, from --ids, --ids-file or standard input, as it is: no line end is added");
  add_model(detokenize);
  flags->ids.Add(*detokenize);
  detokenize->add_flag("--skip-special", flags->skip_special, "without special tokens");
  detokenize->callback([&action, flags] { action = [flags] { return RunDetokenize(*flags); }; });
}

}  // namespace invar::cli
