// The kernels of one instruction set, picked from the registry and ready to call.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "invar/kernels.h"

namespace invar {

class Kernels {
 public:
  // The kernels of the instruction set named (any case; "avx512" and the like are understood), or of the best that this
  // processor supports where the name is empty. Throws UsageError where it is not compiled in or not supported, and
  // Error where its self-test fails. The result lives as long as the process.
  static const Kernels& Of(std::string_view isa);

  // A copy in which each of these takes the place of the matmul of the same instruction set, type and row count, to measure
  // one beside the other. `kernels` outlives it.
  Kernels WithMatmuls(const std::vector<invar_kernel>& kernels) const;

  // A copy whose matmuls add all leaves of a contraction in one pass, however many: what is measured beside kernels that know no
  // leaves. The bits are the same.
  Kernels InOnePass() const;
  // Terms of a contraction that one pass over a block of weights takes, at most.
  size_t most_terms() const { return most_terms_; }

  const std::string& isa() const { return isa_; }

  // Row counts up to this have a matmul tile of their own.
  uint32_t max_rows(invar_type type) const { return static_cast<uint32_t>(matmul_[type].size()) - 1; }
  const invar_kernel& matmul(invar_type type, uint32_t rows) const { return *matmul_[type][rows]; }

  void (*gelu_tanh)(const invar_map_args*);
  std::array<void (*)(const invar_map_args*), 7> activation;  // by invar_activation; of INVAR_ACTIVATION_NONE null
  void (*swiglu)(const invar_map_args*);
  void (*exp)(const invar_map_args*);
  void (*sin)(const invar_map_args*);
  void (*cos)(const invar_map_args*);
  void (*layer_norm)(const invar_rows_args*);
  void (*rms_norm)(const invar_rows_args*);
  void (*softmax)(const invar_rows_args*);
  void (*log_softmax)(const invar_rows_args*);
  void (*argmax)(const invar_reduce_args*);
  void (*rope)(const invar_rope_args*);
  std::array<void (*)(const invar_embedding_args*), 3> embedding;
  void (*attention_leaf)(const invar_attention_leaf_args*);
  void (*attention_merge)(const invar_attention_merge_args*);
  void (*attention_finish)(const invar_attention_finish_args*);

 private:
  explicit Kernels(const std::string& isa);
  const invar_kernel& Find(std::string_view operation, std::string_view type) const;

  std::string isa_;
  size_t most_terms_ = 2048;
  std::array<std::vector<const invar_kernel*>, 3> matmul_;  // by rows; [0] is null
};

// Compiled instruction sets, best first; and those of them that this processor runs.
std::vector<std::string> CompiledIsas();
std::vector<std::string> SupportedIsas();

}  // namespace invar
