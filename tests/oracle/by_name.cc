#include "tests/oracle/by_name.h"

#include "tests/oracle/arithmetic.h"

namespace invar::oracle {

const std::map<std::string, Map>& MapOracles() {
  static const std::map<std::string, Map> oracles = {{"gelu_tanh", [](float x, float) { return GeluTanh(x); }},
                                                     {"gelu_erf", [](float x, float) { return GeluErf(x); }},
                                                     {"quick_gelu", [](float x, float) { return QuickGelu(x); }},
                                                     {"silu", [](float x, float) { return Silu(x); }},
                                                     {"relu", [](float x, float) { return Relu(x); }},
                                                     {"tanh", [](float x, float) { return Tanh(x); }},
                                                     {"swiglu", [](float x, float z) { return Swiglu(x, z); }},
                                                     {"add", [](float x, float z) { return x + z; }},
                                                     {"exp", [](float x, float) { return Exp(x); }},
                                                     {"log", [](float x, float) { return Log(x); }},
                                                     {"erfc", [](float x, float) { return Erfc(x); }},
                                                     {"sin", [](float x, float) { return Sin(x); }},
                                                     {"cos", [](float x, float) { return Cos(x); }}};
  return oracles;
}

const std::map<std::string, OneRow>& RowsOracles() {
  static const std::map<std::string, OneRow> oracles = {
      {"layer_norm", [](const float* x, size_t n, const float* gain, const float* bias, float epsilon) {
         return LayerNorm(x, n, gain, bias, epsilon);
       }},
      {"rms_norm", [](const float* x, size_t n, const float* gain, const float*, float epsilon) {
         return RmsNorm(x, n, gain, epsilon);
       }},
      {"softmax", [](const float* x, size_t n, const float*, const float*, float) { return Softmax(x, n); }},
      {"log_softmax", [](const float* x, size_t n, const float*, const float*, float) { return LogSoftmax(x, n); }},
      {"log_sum_exp", [](const float* x, size_t n, const float*, const float*, float) { return Row{LogSumExp(x, n)}; }}};
  return oracles;
}

}  // namespace invar::oracle
