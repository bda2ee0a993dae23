#include "dakkar/model/layers/router.h"

#include "dakkar/device/ops_moe.h"

namespace dak {

Router::Router(ParameterReader& reader, const std::string& prefix)
    : config_(reader.local().moe),
      gate_(reader.matrix(prefix + ".gate")),
      bias_(reader.vector(prefix + ".gate.e_score_correction_bias")) {}

Router::Choices Router::route(Context& ctx, const Rows& rows) const {
  const int64_t tokens = rows.x.dim(0);
  const Choices choices = {.chosen = ctx.workspace.take(DType::kI32, {tokens, config_.chosen}),
                           .weights = ctx.workspace.take(DType::kF32, {tokens, config_.chosen})};
  ops::route(ctx, {.x = rows.x,
                   .gate = gate_,
                   .bias = bias_,
                   .n_group = config_.n_group,
                   .topk_group = config_.topk_group,
                   .normalise = config_.normalise,
                   .scaling = config_.routed_scaling * rows.share,
                   .chosen = choices.chosen,
                   .weights = choices.weights,
                   .tokens = rows.tokens});
  return choices;
}

}  // namespace dak
