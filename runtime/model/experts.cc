#include "runtime/model/experts.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/model/forward.h"

namespace invar {

Experts::Experts(WeightLoader& load, const std::string& prefix, const ExpertsConfig& config, size_t width)
    : config_(config), width_(width) {
  router_ = load.LoadLinear(prefix + "gate.weight", "", config.experts, width, false);
  for (size_t e = 0; e < config.experts; ++e) {
    const std::string at = prefix + "experts." + std::to_string(e) + ".";
    Expert expert;
    expert.gate = load.LoadLinear(at + "gate_proj.weight", "", config.intermediate_size, width, false);
    expert.up = load.LoadLinear(at + "up_proj.weight", "", config.intermediate_size, width, false);
    expert.down = load.LoadLinear(at + "down_proj.weight", "", width, config.intermediate_size, false);
    experts_.push_back(expert);
  }
}

Experts::Choice Experts::Choose(const float* p) const {
  std::vector<uint32_t> order(config_.experts);
  bool nan = false;
  for (uint32_t e = 0; e < config_.experts; ++e) {
    order[e] = e;
    nan = nan || p[e] != p[e];
  }
  if (nan) {
    order.resize(config_.per_token);  // any will do
    return {std::move(order), std::vector<float>(config_.per_token, std::numeric_limits<float>::quiet_NaN())};
  }
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(config_.per_token), order.end(),
                    [p](uint32_t a, uint32_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
  order.resize(config_.per_token);
  std::sort(order.begin(), order.end());
  Choice choice = {std::move(order), {}};
  float sum = 0.0f;
  for (const uint32_t e : choice.ids) sum = sum + p[e];
  for (const uint32_t e : choice.ids) choice.weights.push_back(config_.normalize ? p[e] / sum : p[e]);
  return choice;
}

void Experts::Add(const Context& context, size_t rows, const Rows& x, ForwardBuffers& buffers, const Rows& h) const {
  const size_t k = config_.per_token;
  const Rows p = RowsOf(buffers.router, rows, config_.experts);
  Project(context, "router", router_, rows, x, p);
  {
    const ProfileSpan span(context.profile, ProfiledKind::kSoftmax, "softmax of router");
    ForEachRow(context, context.kernels.softmax, rows, config_.experts, p, nullptr, nullptr, 0.0f, p);
  }
  // On the calling thread, which has the contract's floating-point mode.
  std::vector<Choice> choices;
  std::vector<std::vector<std::pair<size_t, size_t>>> rows_of(config_.experts);  // row, and which of its k this is
  for (size_t r = 0; r < rows; ++r) {
    choices.push_back(Choose(p.row(r)));
    if (choices[r].weights[0] != choices[r].weights[0]) buffers.failed_rows.push_back(r);
    for (size_t j = 0; j < k; ++j) rows_of[choices[r].ids[j]].emplace_back(r, j);
  }

  const Rows out = RowsOf(buffers.expert_out, rows * k, width_);  // [row][j][width]
  size_t most = 0;
  for (const auto& list : rows_of) most = std::max(most, list.size());
  // An expert's input rows, and then its output, side by side.
  const Rows gathered = RowsOf(buffers.expert_rows, most, width_);
  const Rows gate = RowsOf(buffers.gate, most, config_.intermediate_size);
  const Rows up = RowsOf(buffers.up, most, config_.intermediate_size);
  for (size_t e = 0; e < config_.experts; ++e) {
    const auto& list = rows_of[e];
    if (list.empty()) continue;
    for (size_t i = 0; i < list.size(); ++i) {
      std::memcpy(gathered.row(i), x.row(list[i].first), width_ * sizeof(float));
    }
    ProjectAll(context, list.size(), gathered, {{"experts.gate_proj", experts_[e].gate, gate}, {"experts.up_proj", experts_[e].up, up}});
    {
      const ProfileSpan span(context.profile, ProfiledKind::kActivation, "swiglu");
      MapRows(context, context.kernels.swiglu, list.size(), config_.intermediate_size, gate, up, gate);
    }
    Project(context, "experts.down_proj", experts_[e].down, list.size(), gate, gathered);
    for (size_t i = 0; i < list.size(); ++i) {
      std::memcpy(out.row(list[i].first * k + list[i].second), gathered.row(i), width_ * sizeof(float));
    }
  }

  // The chain over a row's experts is a matmul of k terms, one leaf: weights times outputs, packed as panels.
  const size_t packed_size = invar_packed_size(width_, k), panels = (width_ + INVAR_PANEL - 1) / INVAR_PANEL;
  float* packed = buffers.expert_packed.Get(rows * packed_size);
  const invar_kernel& chain = context.kernels.matmul(INVAR_F32, 1);
  context.team.For(rows, [&](size_t r) {
    float* mine = packed + r * packed_size;
    invar_pack_panels(INVAR_F32, width_, k, out.row(r * k), 1, out.stride, 0, panels, mine);
    invar_matmul_args args = {};
    args.k = k;
    args.n = width_;
    args.panel_end = panels;
    args.lhs = choices[r].weights.data();
    args.rhs = mine;
    args.residual = h.row(r);
    args.residual_stride = h.stride;
    args.dst = h.row(r);
    args.dst_stride = h.stride;
    chain.call.matmul(&args);
  });
}

}  // namespace invar
