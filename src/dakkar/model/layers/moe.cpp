#include "dakkar/model/layers/moe.h"

#include <optional>
#include <vector>

#include <fmt/core.h>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/model/layers/dealt_moe.h"
#include "dakkar/model/layers/mlp.h"
#include "dakkar/model/layers/router.h"

namespace dak {
namespace {

class Moe final : public Mixer {
 public:
  Moe(ParameterReader& reader, const std::string& prefix, DType activation);
  void forward(Context& ctx, const MixerInput& in) const override;

 private:
  /// Weighted sum of the chosen experts' outputs for rows `x` [T, Z], written to `out`.
  void run_experts(Context& ctx, const MixerInput& in, const TensorView& x,
                   const TensorView& out) const;

  MoeConfig config_;
  int64_t width_;  ///< Z, or H
  DType activation_;
  Router router_;
  std::optional<PackedWeight> fc1_;
  std::optional<PackedWeight> fc2_;
  std::vector<PackedWeight> up_;
  std::vector<PackedWeight> down_;
  std::optional<Mlp> shared_;
};

Moe::Moe(ParameterReader& reader, const std::string& prefix, DType activation)
    : config_(reader.local().moe),
      width_(reader.local().expert_width()),
      activation_(activation),
      router_(reader, prefix) {
  if (config_.latent > 0) {
    fc1_ = reader.linear(prefix + ".fc1_latent_proj");
    fc2_ = reader.linear(prefix + ".fc2_latent_proj");
  }
  for (int64_t e = 0; e < config_.experts; ++e) {
    up_.push_back(reader.linear(fmt::format("{}.experts.{}.up_proj", prefix, e)));
    down_.push_back(reader.linear(fmt::format("{}.experts.{}.down_proj", prefix, e)));
  }
  if (config_.shared_inner > 0) {
    shared_.emplace(reader, prefix + ".shared_experts", activation);
  }
}

void Moe::run_experts(Context& ctx, const MixerInput& in, const TensorView& x,
                      const TensorView& out) const {
  Workspace::Scope scope(ctx.workspace);
  const DeviceCount tokens = in.batch->tokens;
  const int64_t rows = x.dim(0) * config_.chosen;
  const Router::Choices routing = router_.route(ctx, {.x = in.x, .tokens = tokens});
  const TensorView inner = ctx.workspace.take(activation_, {rows, config_.inner});
  ops::expert_linear(ctx, {.x = x,
                           .input = ExpertInput::kPerToken,
                           .experts = up_,
                           .chosen = routing.chosen,
                           .out = inner,
                           .tokens = tokens});
  ops::relu2(ctx, {.x = inner, .out = inner, .tokens = tokens, .rows_per_token = config_.chosen});
  const TensorView each = ctx.workspace.take(DType::kF32, {rows, width_});
  ops::expert_linear(ctx, {.x = inner,
                           .input = ExpertInput::kPerChoice,
                           .experts = down_,
                           .chosen = routing.chosen,
                           .out = each,
                           .tokens = tokens});
  ops::combine_experts(ctx, {.x = each, .weights = routing.weights, .out = out, .tokens = tokens});
}

void Moe::forward(Context& ctx, const MixerInput& in) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t rows = in.x.dim(0);
  const DeviceCount tokens = in.batch->tokens;
  if (fc1_) {
    const TensorView latent = ctx.workspace.take(activation_, {rows, width_});
    ops::linear(ctx, {.x = in.x, .weight = &*fc1_, .out = latent, .tokens = tokens});
    const TensorView routed = ctx.workspace.take(activation_, {rows, width_});
    run_experts(ctx, in, latent, routed);
    ops::linear(ctx, {.x = routed, .weight = &*fc2_, .out = in.out, .tokens = tokens});
  } else {
    run_experts(ctx, in, in.x, in.out);
  }
  if (shared_) {
    shared_->add(ctx, in);
  }
}

}  // namespace

std::unique_ptr<Mixer> make_moe(ParameterReader& reader, const std::string& prefix,
                                DType activation) {
  if (reader.shard().ep > 1) {
    return make_dealt_moe(reader, prefix, activation);
  }
  return std::make_unique<Moe>(reader, prefix, activation);
}

}  // namespace dak
