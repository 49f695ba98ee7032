// Small pieces that every forward pass uses.
#pragma once

#include <cstring>
#include <initializer_list>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar {

// The rows whose logits are wanted, side by side.
inline Rows PickRows(Scratch& scratch, const std::vector<size_t>& wanted, size_t columns, const Rows& from) {
  const Rows picked = RowsOf(scratch, wanted.size(), columns);
  for (size_t i = 0; i < wanted.size(); ++i) {
    std::memcpy(picked.row(i), from.row(wanted[i]), columns * sizeof(float));
  }
  return picked;
}

// A projection under its name in a profile. An activation that the matmul would apply to what it stores is then an
// operation of its own, so that its time can be told: the bits are the same.
inline void Project(const Context& context, const char* name, const Linear& w, size_t rows, const Rows& x, const Rows& y,
                    invar_activation activation = INVAR_ACTIVATION_NONE, const Rows* residual = nullptr) {
  const bool apart = context.profile != nullptr && activation != INVAR_ACTIVATION_NONE && residual == nullptr;
  {
    const ProfileSpan span(context.profile, ProfiledKind::kMatmul, name);
    Matmul(context, w, rows, x, y, apart ? INVAR_ACTIVATION_NONE : activation, residual);
  }
  if (!apart) return;
  const ProfileSpan span(context.profile, ProfiledKind::kActivation, "activation");
  MapRows(context, context.kernels.activation[activation], rows, w.n, y, {}, y);
}

// Projections of the same rows, computed together; in a profile one after the other, so that each one's time can be told.
struct NamedProjection {
  const char* name;
  const Linear& w;
  const Rows& y;
};
inline void ProjectAll(const Context& context, size_t rows, const Rows& x, std::initializer_list<NamedProjection> projections) {
  if (context.profile != nullptr) {
    for (const NamedProjection& p : projections) Project(context, p.name, p.w, rows, x, p.y);
    return;
  }
  std::vector<Product> products;
  for (const NamedProjection& p : projections) products.push_back({&p.w, p.y});
  Matmuls(context, rows, x, products);
}

// A norm of rows under its name in a profile.
inline void Normalize(const Context& context, const char* name, RowsKernel norm, size_t rows, size_t n, const Rows& x,
                      const float* gain, const float* bias, float epsilon, const Rows& y) {
  const ProfileSpan span(context.profile, ProfiledKind::kNorm, name);
  ForEachRow(context, norm, rows, n, x, gain, bias, epsilon, y);
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
