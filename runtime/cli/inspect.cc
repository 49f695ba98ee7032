// invar inspect: what a model is and what it would take, from its headers and configs alone.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/cli/common.h"
#include "runtime/model/model.h"
#include "runtime/model/model_hash.h"
#include "runtime/weights/gguf.h"
#include "runtime/weights/safetensors.h"

namespace invar::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  EngineFlags model;
  bool no_tensors = false, hash = false, json = false;
};

Json TensorJson(const std::string& name, const std::string& type, const std::vector<uint64_t>& shape, uint64_t bytes) {
  return {{"name", name}, {"type", type}, {"shape", shape}, {"bytes", bytes}};
}

void AddFile(const SafetensorsFile& file, Json* tensors) {
  for (const std::string& name : file.names()) {
    const TensorView& view = *file.Look(name);
    tensors->push_back(TensorJson(name, file.TypeName(view), view.shape, view.bytes));
    (*tensors).back()["file"] = std::filesystem::path(file.source()).filename().string();
  }
}

// Scalars as they are, of strings the first line, of arrays their length.
Json MetadataJson(const GgufFile& file) {
  Json all = Json::object();
  for (const GgufFile::Entry& entry : file.metadata()) {
    Json value;
    const GgufValue& v = entry.value;
    if (v.type == GgufType::kString) {
      const std::string text(*file.String(entry.key));
      value = text.size() > 200 ? text.substr(0, 200) + "..." : text;
    } else if (v.type == GgufType::kArray) {
      value = "array of " + std::to_string(v.count);
    } else if (v.type == GgufType::kBool) {
      value = *file.Bool(entry.key);
    } else if (v.type == GgufType::kF32) {
      float number;
      CopyLittleEndian(v.bytes.data(), sizeof(number), sizeof(number), &number);
      value = number;
    } else if (v.type == GgufType::kF64) {
      double number;
      CopyLittleEndian(v.bytes.data(), sizeof(number), sizeof(number), &number);
      value = number;
    } else if (v.type == GgufType::kU64) {
      uint64_t number;
      CopyLittleEndian(v.bytes.data(), sizeof(number), sizeof(number), &number);
      value = number;
    } else {
      value = *file.Integer(entry.key, INT64_MIN, INT64_MAX);
    }
    all[std::string(entry.key)] = value;
  }
  return all;
}

const char* RopeName(RopeParameters::Kind kind) {
  static constexpr const char* kNames[] = {"default", "linear", "yarn", "llama3", "dynamic", "longrope"};
  return kNames[static_cast<size_t>(kind)];
}

Json ConfigJson(const ModelConfig& c) {
  Json json = {{"model_type", c.model_type},
               {"vocab_size", c.vocab_size},
               {"hidden_size", c.hidden_size},
               {"layers", c.layers},
               {"heads", c.heads},
               {"kv_heads", c.kv_heads},
               {"head_dim", c.head_dim},
               {"intermediate_size", c.intermediate_size},
               {"max_positions", c.max_positions},
               {"norm_epsilon", c.norm_epsilon},
               {"tie_word_embeddings", c.tie_word_embeddings},
               {"end_tokens", c.eos_token_ids}};
  if (c.architecture == Architecture::kDecoder) {
    json["rope"] = {{"type", RopeName(c.rope.kind)}, {"theta", c.rope.theta}};
    if (c.rope.kind != RopeParameters::Kind::kDefault) json["rope"]["factor"] = c.rope.factor;
    if (std::any_of(c.windows.begin(), c.windows.end(), [](size_t w) { return w > 0; })) json["windows"] = c.windows;
    if (c.experts.experts > 0) {
      json["experts"] = {{"experts", c.experts.experts},
                         {"per_token", c.experts.per_token},
                         {"intermediate_size", c.experts.intermediate_size},
                         {"normalize", c.experts.normalize}};
    }
  }
  return json;
}

// What loading and one full sequence would take, or why the model cannot be loaded.
void AddModel(const std::filesystem::path& path, Json* report) {
  try {
    const ModelConfig config = ModelConfig::Load(path);
    (*report)["config"] = ConfigJson(config);
    (*report)["ignored_fields"] = config.ignored_fields;
    const Model::Needs needs = Model::Plan(path);
    const size_t leaves = (config.max_positions + 255) / 256;
    (*report)["parameters"] = needs.parameters;
    (*report)["memory"] = {{"weights", needs.weight_bytes},
                           {"kv_cache_per_256_positions", needs.kv_leaf_bytes},
                           {"kv_cache_of_all_positions", needs.kv_leaf_bytes * leaves}};
    (*report)["loadable"] = true;
  } catch (const Error& e) {
    (*report)["loadable"] = false;
    (*report)["reason"] = e.what();
  }
}

// What a receipt names the model by, and the lines that it is made of.
void AddHash(const std::filesystem::path& path, Json* report) {
  if (!report->contains("loadable")) throw UsageError("--hash is of a whole model; name its directory or a GGUF file");
  const ModelHash hash = HashModel(path, 0);
  (*report)["hash"] = {{"weights_sha256", hash.identity.weights}, {"config_sha256", hash.identity.config}};
  (*report)["hashed"] = {{"weights", hash.tensor_lines}, {"config", hash.config_lines}};
}

Json Inspect(const std::filesystem::path& path) {
  Json report = {{"path", path.string()}}, tensors = Json::array();
  std::error_code error;
  if (!std::filesystem::is_directory(path, error) && path.extension() == ".safetensors") {
    const SafetensorsFile file = SafetensorsFile::Open(path);
    report["format"] = "safetensors";
    if (!file.metadata().empty()) report["metadata"] = file.metadata();
    AddFile(file, &tensors);
  } else if (const std::optional<std::filesystem::path> gguf = GgufPath(path)) {
    const GgufFile file = GgufFile::Open(*gguf);
    report["format"] = "GGUF version " + std::to_string(file.version());
    report["metadata"] = MetadataJson(file);
    AddModel(*gguf, &report);
    for (const GgufTensor& t : file.tensors()) {
      tensors.push_back(TensorJson(std::string(t.name), t.type_name, t.shape, t.bytes));
    }
  } else {
    const SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint::Open(path);
    report["format"] = "safetensors directory";
    report["files"] = checkpoint.files().size();
    AddModel(path, &report);
    for (const SafetensorsFile& file : checkpoint.files()) AddFile(file, &tensors);
  }
  Json types = Json::object();
  uint64_t bytes = 0;
  for (const Json& tensor : tensors) {
    Json& type = types[tensor["type"].get<std::string>()];
    type = type.is_null() ? 1 : type.get<uint64_t>() + 1;
    bytes += tensor["bytes"].get<uint64_t>();
  }
  report["types"] = types;
  report["bytes"] = bytes;
  report["tensors"] = std::move(tensors);
  return report;
}

std::string Shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// No file may write to the terminal but what can be printed.
std::string Plain(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

void PrintSection(const char* title, const Json& fields) {
  std::cout << "\n" << title << "\n";
  for (const auto& [name, value] : fields.items()) std::cout << "  " << Plain(name) << ": " << Plain(Shown(value)) << "\n";
}

void PrintReport(const Json& report, bool with_tensors) {
  std::cout << Plain(report["path"].get<std::string>()) << ": " << Shown(report["format"]) << ", " << report["tensors"].size()
            << " tensors, " << report["bytes"] << " bytes\n";
  if (report.contains("config")) PrintSection("config, as understood", report["config"]);
  if (report.contains("ignored_fields") && !report["ignored_fields"].empty()) {
    std::cout << "\nignored: the result does not depend on\n ";
    for (const Json& name : report["ignored_fields"]) std::cout << " " << Plain(Shown(name));
    std::cout << "\n";
  }
  if (report.contains("memory")) {
    const auto mebibytes = [&](const char* name) {
      char text[32];
      std::snprintf(text, sizeof(text), "%.1f MiB", static_cast<double>(report["memory"][name].get<uint64_t>()) / (1 << 20));
      return std::string(text);
    };
    std::cout << "\nmemory: " << report["parameters"] << " parameters\n  weights: " << mebibytes("weights") << "\n  KV cache of a sequence: "
              << mebibytes("kv_cache_per_256_positions") << " for each 256 positions, " << mebibytes("kv_cache_of_all_positions")
              << " for all\n";
  }
  if (report.contains("reason")) std::cout << "\ncannot be loaded: " << Plain(Shown(report["reason"])) << "\n";
  if (report.contains("metadata")) PrintSection("metadata", report["metadata"]);
  if (report.contains("hash")) PrintSection("hash", report["hash"]);
  if (report.contains("hashed") && with_tensors) {
    for (const char* part : {"weights", "config"}) {
      std::cout << "\nhashed of the " << part << "\n";
      for (const Json& line : report["hashed"][part]) std::cout << "  " << Plain(Shown(line)) << "\n";
    }
  }
  std::cout << "\ntensors:";
  for (const auto& [type, count] : report["types"].items()) std::cout << " " << count << " of " << Plain(type);
  std::cout << "\n";
  if (!with_tensors) return;
  for (const Json& tensor : report["tensors"]) {
    std::cout << "  " << Plain(Shown(tensor["name"])) << "  " << Plain(Shown(tensor["type"])) << "  "
              << ShapeText(tensor["shape"].get<std::vector<uint64_t>>()) << "\n";
  }
}

}  // namespace

void AddInspect(CLI::App& app, Action& action) {
  CLI::App* inspect = app.add_subcommand(
      "inspect", "what a model is and what loading it would take, before it is loaded: tensors, config, ignored fields, memory");
  auto flags = std::make_shared<InspectFlags>();
  inspect->add_option("-m,--model,model", flags->model.model, "checkpoint directory, GGUF file or safetensors file")
      ->envname("INVAR_MODEL")
      ->required();
  inspect->add_flag("--no-tensors", flags->no_tensors, "leave the list of tensors out");
  inspect->add_flag("--hash", flags->hash, "read all weights and print the model's hashes, which receipts name it by");
  inspect->add_flag("--json", flags->json, "print JSON");
  inspect->callback([&action, flags] {
    action = [flags] {
      Json report = Inspect(flags->model.path());
      if (flags->hash) AddHash(flags->model.path(), &report);
      if (flags->json && flags->no_tensors) {
        report.erase("tensors");
        report.erase("hashed");
      }
      if (flags->json) {
        PrintJson(report);
      } else {
        PrintReport(report, !flags->no_tensors);
      }
      return 0;
    };
  });
}

}  // namespace invar::cli
