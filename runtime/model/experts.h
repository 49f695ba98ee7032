// A mixture of experts (contract, section 3): p = softmax(router); the k greatest by (p descending, id ascending); their
// weights p, or p / s with s the in-order sum over the selected by ascending id; out = the chain of weight, expert's output
// by ascending id. A row's bits do not depend on which rows share an expert: an expert computes its rows one by one or
// together, with the same bits either way.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/kernels/operations.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"
#include "runtime/model/weights.h"

namespace invar {

class Experts {
 public:
  // Tensors <prefix>gate.weight (the router) and <prefix>experts.<id>.{gate,up,down}_proj.weight.
  Experts(WeightLoader& load, const std::string& prefix, const ExpertsConfig& config, size_t width);

  // h = h + out(x), rows of `width`. A row whose probabilities hold a NaN has no choice of experts, which is an error
  // (contract, section 3): it is noted in buffers.failed_rows, and all of its h becomes NaN.
  void Add(const Context& context, size_t rows, const Rows& x, ForwardBuffers& buffers, const Rows& h) const;

 private:
  struct Expert {
    Linear gate, up, down;
  };
  // A row's choice: experts by ascending id, and their weights.
  struct Choice {
    std::vector<uint32_t> ids;
    std::vector<float> weights;
  };
  // Weights are NaN where there is no choice.
  Choice Choose(const float* p) const;

  ExpertsConfig config_;
  size_t width_;
  Linear router_;
  std::vector<Expert> experts_;
};

}  // namespace invar
