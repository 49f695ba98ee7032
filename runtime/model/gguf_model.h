// A GGUF file seen as the Hugging Face checkpoint it was made from: config.json's fields, and tensors under their names
// there. What llama.cpp's converter changed is undone exactly (rows of query and key projections in rotary pairs, GPT-2's
// transposed matrices, experts stacked into one tensor); what is not understood is refused by name, since a model that
// lacks a part of itself would answer all the same.
//
// Numbers that GGUF stores as binary32 are read as the shortest decimal that rounds to them (docs/numerics.md, section 9).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/weights/gguf.h"

namespace invar {

// The fields of a config.json with model_type gpt2, llama, mistral, qwen2, qwen3 or qwen3_moe. Throws Error.
nlohmann::ordered_json GgufConfig(const GgufFile& file);

// The model_type that general.architecture means. Throws Error for one that is not supported.
std::string GgufModelType(const GgufFile& file);

// Throws Error, among others for a tensor of a quantised type.
std::unique_ptr<WeightSource> OpenGgufWeights(const std::filesystem::path& path);
std::unique_ptr<WeightSource> GgufWeightsOf(GgufFile file);

// The shortest decimal that rounds to this finite binary32, read as binary64.
double ConfigDecimal(float value);

// What stands in rope_scaling of a config whose llama3 scaling gives these factors (rope_freqs.weight: what each frequency
// is divided by), for the plain frequencies of `theta`; nothing where no set of parameters does, or several that differ.
std::optional<nlohmann::ordered_json> Llama3Scaling(const std::vector<float>& factors, double theta);

}  // namespace invar
