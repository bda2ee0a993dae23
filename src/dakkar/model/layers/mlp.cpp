#include "dakkar/model/layers/mlp.h"

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_norm.h"

namespace dak {

Mlp::Mlp(ParameterReader& reader, const std::string& prefix, DType activation)
    : activation_(activation),
      up_(reader.linear(prefix + ".up_proj")),
      down_(reader.linear(prefix + ".down_proj")) {}

void Mlp::forward(Context& ctx, const MixerInput& in) const {
  run(ctx, in, Accumulate::kNo);
}

void Mlp::add(Context& ctx, const MixerInput& in) const {
  run(ctx, in, Accumulate::kYes);
}

void Mlp::run(Context& ctx, const MixerInput& in, Accumulate accumulate) const {
  Workspace::Scope scope(ctx.workspace);
  const DeviceCount tokens = in.batch->tokens;
  const TensorView inner = ctx.workspace.take(activation_, {in.x.dim(0), up_.n});
  ops::linear(ctx, {.x = in.x, .weight = &up_, .out = inner, .tokens = tokens});
  ops::relu2(ctx, {.x = inner, .out = inner, .tokens = tokens});
  ops::linear(
      ctx,
      {.x = inner, .weight = &down_, .out = in.out, .accumulate = accumulate, .tokens = tokens});
}

}  // namespace dak
