#include "runtime/cli/common.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <iterator>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/cli/catch_interrupts.h"
#include "runtime/model/checkpoint_files.h"

namespace invar::cli {
namespace {

// A prompt of this size is far beyond what any model reads, and what is read to the end may have none.
constexpr size_t kLargestText = size_t{256} << 20;

// Whole numbers separated by commas or blanks; `source` is what messages call the text.
std::vector<int32_t> ParseIdList(const std::string& text, const std::string& source) {
  const auto between = [](char c) { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  std::vector<int32_t> ids;
  for (size_t at = 0; at < text.size();) {
    if (between(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !between(text[end])) ++end;
    int32_t id = -1;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || stop != text.data() + end || id < 0) {
      throw UsageError(source + ": " + Quoted(text.substr(at, std::min<size_t>(end - at, 40))) +
                       " is not a token id; give whole numbers separated by commas");
    }
    ids.push_back(id);
    at = end;
  }
  if (ids.empty()) throw UsageError(source + ": no token id given; give whole numbers separated by commas");
  return ids;
}

// A JSON array of ids, or a list of them.
std::vector<int32_t> ParseIdText(const std::string& text, const std::string& source) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || (text[first] != '[' && text[first] != '{')) return ParseIdList(text, source);
  const nlohmann::json json = ParseJson(text, source);
  if (!json.is_array() || json.empty()) {
    throw UsageError(source + " does not hold a JSON array of token ids, such as [1, 2, 3]");
  }
  std::vector<int32_t> ids;
  for (const nlohmann::json& id : json) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) {
      throw UsageError(source + " holds " + Quoted(id.dump().substr(0, 40)) + ", which is not a token id");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

void EngineFlags::Add(CLI::App& app, bool isa_flag, bool threads_flag, bool loads) {
  app.add_option("-m,--model", model, "Hugging Face checkpoint directory, or GGUF file")->envname("INVAR_MODEL")->required();
  if (threads_flag) {
    app.add_option("-t,--threads", threads, "threads; 0: one for each processor")->envname("INVAR_THREADS");
  }
  if (isa_flag) {
    app.add_option("--isa", isa, "instruction set to use; the best supported one otherwise (see invar info)")
        ->envname("INVAR_ISA");
  }
  if (loads) {
    app.add_option("--packed-cache", packed_cache, "directory to keep packed weights in, which the next start maps")
        ->envname("INVAR_PACKED_CACHE");
  }
}

std::filesystem::path EngineFlags::path() const {
  std::error_code error;
  if (std::filesystem::is_regular_file(model, error)) return model;  // of what kind, opening it tells
  RequireDirectory(model, "-m " + Quoted(model), "give the one that holds config.json, or a GGUF file");
  return model;
}

Engine EngineFlags::Load() const {
  EngineOptions options = {isa, threads};
  if (packed_cache.empty()) return Engine(path(), options);
  options.load.packed_cache = packed_cache;
  options.load.note = [](const std::string& text) { std::cerr << "invar: " << text << "\n"; };
  const CatchInterrupts caught;  // a file may be half written
  return Engine(path(), options);
}

void PromptFlags::Add(CLI::App& app) {
  app.add_option("-p,--prompt", prompts, "prompt text; may be given several times")->allow_extra_args(false);
  app.add_option("-f,--file", files, "file with a prompt, or - for standard input; may be given several times")
      ->allow_extra_args(false);
}

std::vector<std::string> PromptFlags::Read() const {
  std::vector<std::string> all = prompts;
  for (const std::string& file : files) all.push_back(ReadText(file));
  return all;
}

void IdsFlags::Add(CLI::App& app) {
  app.add_option("--ids", ids, "token ids, separated by commas");
  app.add_option("--ids-file", file, "file with a JSON array of token ids or a list of them, or - for standard input");
}

std::vector<int32_t> IdsFlags::Read() const {
  if (!ids.empty() && !file.empty()) throw UsageError("--ids and --ids-file exclude each other; give one of them");
  return ids.empty() ? ParseIdText(ReadText(file), "--ids-file " + Quoted(file)) : ParseIdList(ids, "--ids");
}

std::string CheckInteger(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return "";
  return Quoted(text) + " is not a whole number that fits 64 bits";
}

std::string CheckGiven(const std::string& text) { return text.empty() ? "the name is empty; give one or leave the option out" : ""; }

std::string CheckOutput(const std::string& text) {
  return text == "-" ? "- is no file; name one, which appears whole or not at all" : CheckGiven(text);
}

bool InputWaits() {
#if defined(__unix__) || defined(__APPLE__)
  if (isatty(STDIN_FILENO) != 0) return false;
#endif
  return std::cin.peek() != std::istream::traits_type::eof();
}

bool ErrorIsTerminal() {
#if defined(__unix__) || defined(__APPLE__)
  return isatty(STDERR_FILENO) != 0;
#else
  return false;
#endif
}

std::string ReadText(const std::string& path) {
  if (path != "-") return ReadWholeStream(path, kLargestText);
  std::string text;
  std::vector<char> piece(1 << 16);
  while (std::cin.read(piece.data(), static_cast<std::streamsize>(piece.size())) || std::cin.gcount() > 0) {
    text.append(piece.data(), static_cast<size_t>(std::cin.gcount()));
    if (text.size() > kLargestText) {
      throw Error("standard input holds more than the " + std::to_string(kLargestText) + " bytes that a text may have");
    }
  }
  if (std::cin.bad()) throw Error("standard input could not be read to its end; check where it comes from");
  return text;
}

void RequireWritable(const std::string& path, const std::filesystem::path& model, const std::vector<std::string>& inputs) {
  std::error_code error;
  const auto refuse = [&](const std::string& what) {
    throw UsageError(Quoted(path) + " is " + what + ", which the result would take the place of; name another file");
  };
  for (const std::string& input : inputs) {
    if (!input.empty() && input != "-" && std::filesystem::equivalent(path, input, error)) refuse("what is read");
  }
  if (std::filesystem::equivalent(path, model, error)) refuse("the model");
  const std::filesystem::path real = std::filesystem::canonical(path, error);  // fails where there is no such file yet
  if (!error && std::filesystem::equivalent(real.parent_path(), model, error)) {
    const std::string name = real.filename().string();
    if (IsCheckpointFile(name) || name.ends_with(".safetensors")) refuse("a file of the model");  // shards may have any name
  }
  const CatchInterrupts caught;
  const AtomicFile removed_again(path);
}

void WriteWholeFile(const std::string& path, const std::string& text) {
  const CatchInterrupts caught;
  AtomicFile file(path);
  file.Write(text);
  file.Commit();
}

std::optional<double> ParseNumber(const std::string& text) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0])) != 0) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() ? std::optional<double>(value) : std::nullopt;
}

CLI::Option* AddNumber(CLI::App& app, const std::string& names, std::optional<double>& value, const std::string& help) {
  const auto set = [&value, name = names.substr(0, names.find(','))](const std::string& text) {
    value = ParseNumber(text);
    if (!value) throw CLI::ValidationError(name, Quoted(text) + " is not a number");
  };
  return app.add_option_function<std::string>(names, set, help)->type_name("FLOAT");
}

void PrintJson(const nlohmann::ordered_json& json) {
  // Text that is not UTF-8 is shown with replacement characters: JSON cannot carry it otherwise.
  std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void FlushOutput() {
  std::cout.flush();
  if (!std::cout) throw Error("standard output could not be written; the disk may be full or the reader gone");
}

}  // namespace invar::cli
