// Reading config.json's fields, for the files that know a family's names.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/json.h"
#include "runtime/model/config.h"

namespace invar {

// Beyond any model there is, and the longest sum of a matmul kernel (invar/kernels.h); keeps every product of two sizes
// within 64 bits.
inline constexpr int64_t kLargestSize = 1 << 25;

// A size of at least 1; `fallback` where the field is absent or null.
size_t Size(const JsonFields& fields, const char* name, int64_t fallback);
// Throws as JsonFields::Reject, and tells the default where the field was left out: "missing" would not say what is wrong.
[[noreturn]] void RejectSize(const JsonFields& fields, const char* name, size_t value, const std::string& wanted);
// A number of parts, such as layers: each costs memory before any tensor is looked for.
size_t Count(const JsonFields& fields, const char* name, int64_t fallback);
bool Flag(const JsonFields& fields, const char* name, bool fallback);
double Epsilon(const JsonFields& fields, const char* name, double fallback);
Activation ActivationOf(const JsonFields& fields, const char* name, const char* fallback);
std::optional<double> OptionalNumber(const JsonFields& fields, const char* name);

// Fills the config of a decoder family (decoder_config.cc); false where `type` is none.
bool ReadDecoder(const std::string& type, const JsonFields& fields, ModelConfig& config);
// "qwen3, llama, ...": for messages.
std::string DecoderTypes();

}  // namespace invar
