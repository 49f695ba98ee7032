// Small pieces that every forward pass uses.
#pragma once

#include <cstring>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar {

inline Rows RowsOf(Scratch& scratch, size_t rows, size_t columns) {
  return {scratch.Get(rows * columns), static_cast<int64_t>(columns)};
}

// The rows whose logits are wanted, side by side.
inline Rows PickRows(Scratch& scratch, const std::vector<size_t>& wanted, size_t columns, const Rows& from) {
  const Rows picked = RowsOf(scratch, wanted.size(), columns);
  for (size_t i = 0; i < wanted.size(); ++i) {
    std::memcpy(picked.row(i), from.row(wanted[i]), columns * sizeof(float));
  }
  return picked;
}

// Hands a tensor to the observer, where there is one.
class Trace {
 public:
  Trace(Observer* observer, size_t rows) : observer_(observer), rows_(rows) {}
  void operator()(const char* name, int layer, size_t columns, const Rows& rows) const {
    if (observer_ != nullptr) observer_->OnTensor(name, layer, rows_, columns, rows.data, rows.stride);
  }

 private:
  Observer* observer_;
  size_t rows_;
};

inline invar_activation KernelActivation(Activation activation) {
  switch (activation) {
    case Activation::kGeluTanh:
      return INVAR_ACTIVATION_GELU_TANH;
    case Activation::kGeluErf:
      return INVAR_ACTIVATION_GELU_ERF;
    case Activation::kQuickGelu:
      return INVAR_ACTIVATION_QUICK_GELU;
    case Activation::kSilu:
      return INVAR_ACTIVATION_SILU;
    case Activation::kRelu:
      return INVAR_ACTIVATION_RELU;
    case Activation::kTanh:
      return INVAR_ACTIVATION_TANH;
  }
  return INVAR_ACTIVATION_NONE;
}

}  // namespace invar
