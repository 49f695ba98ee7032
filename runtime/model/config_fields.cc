#include "runtime/model/config_fields.h"

#include <map>

#include "runtime/base/error.h"

namespace invar {
namespace {

constexpr int64_t kLargestCount = 1 << 16;

}  // namespace

size_t Size(const JsonFields& fields, const char* name, int64_t fallback) {
  // A default made of another field can be too large as well.
  if (fields.IsNull(name) && fallback >= 1 && fallback <= kLargestSize) return static_cast<size_t>(fallback);
  if (fields.IsNull(name)) fields.Reject(name, "given and at most " + std::to_string(kLargestSize));
  return static_cast<size_t>(fields.Integer(name, 1, kLargestSize).value());
}

void RejectSize(const JsonFields& fields, const char* name, size_t value, const std::string& wanted) {
  if (!fields.IsNull(name)) fields.Reject(name, wanted);
  throw Error(fields.where() + ": " + name + " must be " + wanted + ", but it is left out and its default is " + std::to_string(value));
}

size_t Count(const JsonFields& fields, const char* name, int64_t fallback) {
  if (fields.IsNull(name)) return static_cast<size_t>(fallback);
  return static_cast<size_t>(fields.Integer(name, 1, kLargestCount).value());
}

bool Flag(const JsonFields& fields, const char* name, bool fallback) {
  return fields.IsNull(name) ? fallback : fields.Bool(name).value();
}

double Epsilon(const JsonFields& fields, const char* name, double fallback) {
  return fields.IsNull(name) ? fallback : fields.Number(name, 0, 1).value();
}

Activation ActivationOf(const JsonFields& fields, const char* name, const char* fallback) {
  static const std::map<std::string, Activation> known = {
      {"gelu_new", Activation::kGeluTanh},   {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"gelu_fast", Activation::kGeluTanh},  {"gelu", Activation::kGeluErf},
      {"quick_gelu", Activation::kQuickGelu}, {"silu", Activation::kSilu},
      {"swish", Activation::kSilu},          {"relu", Activation::kRelu},
      {"tanh", Activation::kTanh}};
  const std::string value = fields.IsNull(name) ? fallback : fields.String(name).value();
  const auto found = known.find(value);
  if (found == known.end()) {
    std::string wanted = "one of";
    for (const auto& [key, activation] : known) wanted += " " + key;
    fields.Reject(name, wanted);
  }
  return found->second;
}

std::optional<double> OptionalNumber(const JsonFields& fields, const char* name) {
  if (fields.IsNull(name)) return std::nullopt;
  return fields.Number(name, -1e30, 1e30);
}

}  // namespace invar
