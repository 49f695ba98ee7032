// What the subcommands share: the flags that several have, and how prompts become token ids.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/text/tokenizer.h"

namespace invar::cli {

// -m, -t, --isa and --packed-cache, each with its environment twin.
struct EngineFlags {
  std::string model;
  int threads = 0;
  std::string isa;
  std::string packed_cache;

  // loads: of a command that calls Load.
  void Add(CLI::App& app, bool isa_flag = true, bool threads_flag = true, bool loads = true);
  // The model's directory or file, checked to be there.
  std::filesystem::path path() const;
  Engine Load() const;
};

// Prompt text as given by -p (any number) and -f (a file, or - for standard input).
struct PromptFlags {
  std::vector<std::string> prompts;
  std::vector<std::string> files;

  void Add(CLI::App& app);
  bool given() const { return !prompts.empty() || !files.empty(); }
  // Every prompt, in the order -p ... -f ...
  std::vector<std::string> Read() const;
};

// A text given as tokens: --ids 1,2,3 or --ids-file F, which holds a JSON array or such a list.
struct IdsFlags {
  std::string ids;
  std::string file;

  void Add(CLI::App& app);
  bool given() const { return !ids.empty() || !file.empty(); }
  std::vector<int32_t> Read() const;
};

// Whether something is piped into the program: standard input is no terminal, and not empty.
bool InputWaits();

// Whether somebody watches standard error.
bool ErrorIsTerminal();

// A whole file, or standard input where the path is "-".
std::string ReadText(const std::string& path);

// For CLI::Validator: a name that is not empty (an unset variable in a script); and one of a file that can be written.
std::string CheckGiven(const std::string& text);
std::string CheckOutput(const std::string& text);

// Throws Error where a file could not be written there, and UsageError where it would take the place of an input: the model, or a
// file of its directory that a checkpoint is made of, or one of `inputs` ("-" and "" are none). Asked before the work whose result
// the file is to hold.
void RequireWritable(const std::string& path, const std::filesystem::path& model, const std::vector<std::string>& inputs);
// A file that appears whole or not at all, also where a signal ends the program.
void WriteWholeFile(const std::string& path, const std::string& text);

// One line of JSON on standard output.
void PrintJson(const nlohmann::ordered_json& json);

// Flushes standard output and throws Error where what was written did not get there.
void FlushOutput();

// For CLI11: a whole number in decimal digits that fits 64 bits; the parser itself takes 99999999999999999999 for the
// greatest.
std::string CheckInteger(const std::string& text);

// A decimal number as the binary64 nearest to it, or an infinity or NaN by name; nothing where the text is something else.
// The parser itself would round it to long double first, and so twice.
std::optional<double> ParseNumber(const std::string& text);
CLI::Option* AddNumber(CLI::App& app, const std::string& names, std::optional<double>& value, const std::string& help);

// Every subcommand adds itself and, when chosen, sets the function to run.
using Action = std::function<int()>;
void AddGenerate(CLI::App& app, Action& action);
void AddLogits(CLI::App& app, Action& action);
void AddVerify(CLI::App& app, Action& action);
void AddPerplexity(CLI::App& app, Action& action);
void AddTokenize(CLI::App& app, Action& action);  // and detokenize
void AddReplay(CLI::App& app, Action& action);
void AddInfo(CLI::App& app, Action& action);
void AddInspect(CLI::App& app, Action& action);
void AddConvert(CLI::App& app, Action& action);

}  // namespace invar::cli
