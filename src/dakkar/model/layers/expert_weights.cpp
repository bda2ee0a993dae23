#include "dakkar/model/layers/expert_weights.h"

#include <fmt/core.h>

#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"

namespace dak {

ExpertWeights::ExpertWeights(ParameterReader& reader, const std::string& prefix,
                             DType activation_type)
    : activation(activation_type),
      width(reader.local().expert_width()),
      inner(reader.local().moe.inner) {
  const MoeConfig& config = reader.local().moe;
  if (config.latent > 0) {
    fc1 = reader.linear(prefix + ".fc1_latent_proj");
    fc2 = reader.linear(prefix + ".fc2_latent_proj");
  }
  const Range held = expert_range(config.experts, reader.shard());
  for (int64_t e = held.begin; e < held.end; ++e) {
    up.push_back(reader.linear(fmt::format("{}.experts.{}.up_proj", prefix, e)));
    down.push_back(reader.linear(fmt::format("{}.experts.{}.down_proj", prefix, e)));
  }
  if (config.shared_inner > 0) {
    shared.emplace(reader, prefix + ".shared_experts", activation_type);
  }
}

void ExpertWeights::run(Context& ctx, const Rows& rows, const TensorView& out) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t choices = rows.chosen.dim(1);
  const TensorView middle = ctx.workspace.take(activation, {rows.x.dim(0) * choices, inner});
  ops::expert_linear(ctx, {.x = rows.x,
                           .input = ExpertInput::kPerToken,
                           .experts = up,
                           .chosen = rows.chosen,
                           .out = middle,
                           .tokens = rows.tokens});
  ops::relu2(ctx, {.x = middle, .out = middle, .tokens = rows.tokens, .rows_per_token = choices});
  ops::expert_linear(ctx, {.x = middle,
                           .input = ExpertInput::kPerChoice,
                           .experts = down,
                           .chosen = rows.chosen,
                           .out = out,
                           .tokens = rows.tokens});
}

}  // namespace dak
