#include "runtime/cli/common.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace invar::cli {
namespace {

std::vector<int32_t> ParseIdList(const std::string& text) {
  std::vector<int32_t> ids;
  std::stringstream stream(text);
  std::string item;
  while (std::getline(stream, item, ',')) {
    size_t used = 0;
    long long id = -1;
    try {
      id = std::stoll(item, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    const size_t end = item.find_last_not_of(" \t\n") + 1;
    if (used == 0 || used < end || id < 0 || id > INT32_MAX) {
      throw UsageError("--ids: '" + item + "' is not a token id; give whole numbers separated by commas");
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  if (ids.empty()) throw UsageError("--ids: no token id given; give whole numbers separated by commas");
  return ids;
}

std::vector<int32_t> ParseIdJson(const std::string& path) {
  const nlohmann::json json = ParseJson(ReadText(path), "--ids-file " + Quoted(path));
  if (!json.is_array() || json.empty()) {
    throw UsageError("--ids-file: " + path + " does not hold a JSON array of token ids, such as [1, 2, 3]");
  }
  std::vector<int32_t> ids;
  for (const nlohmann::json& id : json) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) {
      throw UsageError("--ids-file: " + path + " holds " + Quoted(id.dump().substr(0, 40)) + ", which is not a token id");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

void EngineFlags::Add(CLI::App& app, bool isa_flag, bool threads_flag) {
  app.add_option("-m,--model", model, "Hugging Face checkpoint directory, or GGUF file")->envname("INVAR_MODEL")->required();
  if (threads_flag) {
    app.add_option("-t,--threads", threads, "threads; 0: one for each processor")->envname("INVAR_THREADS");
  }
  if (isa_flag) {
    app.add_option("--isa", isa, "instruction set to use; the best supported one otherwise (see invar info)")
        ->envname("INVAR_ISA");
  }
}

std::filesystem::path EngineFlags::path() const {
  std::error_code error;
  if (!std::filesystem::exists(model, error)) {
    throw Error("-m " + Quoted(model) + " is no directory and no file; give the directory that holds config.json, or a GGUF file");
  }
  return model;
}

Engine EngineFlags::Load() const { return Engine(path(), EngineOptions{isa, threads}); }

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
  app.add_option("--ids-file", file, "file with a JSON array of token ids");
}

std::vector<int32_t> IdsFlags::Read() const {
  if (!ids.empty() && !file.empty()) throw UsageError("--ids and --ids-file exclude each other; give one of them");
  return ids.empty() ? ParseIdJson(file) : ParseIdList(ids);
}

std::string CheckInteger(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return "";
  return Quoted(text) + " is not a whole number that fits 64 bits";
}

std::string ReadText(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw Error("cannot read " + path + ": it is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path + "; check that it exists and may be read");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) throw Error("reading " + path + " failed half-way; check the disk");
  return text;
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
