#include "dakkar/model/layers/mamba2.h"

#include <cmath>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_norm.h"

namespace dak {
namespace {

float negative_exp(float a_log) {
  return -std::exp(a_log);
}

class Mamba2 final : public Mixer {
 public:
  Mamba2(ParameterReader& reader, const Mamba2Args& args);
  void forward(Context& ctx, const MixerInput& in) const override;

 private:
  MambaState state_of(const StepBatch& batch) const;
  /// Projected inputs to gated, normed outputs of the recurrence.
  TensorView scan(Context& ctx, const StepBatch& batch, const TensorView& projected) const;

  MambaDims dims_;
  int64_t ordinal_;
  int64_t layers_;
  StateRounding rounding_;
  float eps_;
  float dt_min_;
  float dt_max_;
  PackedWeight in_proj_;
  PackedWeight out_proj_;
  TensorView conv_weight_;
  TensorView conv_bias_;
  TensorView a_;
  TensorView d_;
  TensorView dt_bias_;
  TensorView norm_;
};

Mamba2::Mamba2(ParameterReader& reader, const Mamba2Args& args)
    : dims_(args.dims),
      ordinal_(args.ordinal),
      layers_(args.layers),
      rounding_(args.rounding),
      eps_(reader.local().norm_eps),
      dt_min_(reader.local().mamba.dt_min),
      dt_max_(reader.local().mamba.dt_max),
      in_proj_(reader.linear(args.prefix + ".in_proj")),
      out_proj_(reader.linear(args.prefix + ".out_proj")),
      conv_weight_(reader.vector(args.prefix + ".conv1d.weight")),
      a_(reader.vector(args.prefix + ".A_log", negative_exp)),
      d_(reader.vector(args.prefix + ".D")),
      dt_bias_(reader.vector(args.prefix + ".dt_bias")),
      norm_(reader.vector(args.prefix + ".norm.weight")) {
  conv_bias_ = reader.local().mamba.conv_bias ? reader.vector(args.prefix + ".conv1d.bias")
                                              : reader.zeros(args.dims.channels());
}

MambaState Mamba2::state_of(const StepBatch& batch) const {
  return {.arena = batch.arena,
          .offsets = batch.state_offsets,
          .layers = layers_,
          .layer = ordinal_,
          .carry = batch.carry};
}

TensorView Mamba2::scan(Context& ctx, const StepBatch& batch, const TensorView& projected) const {
  const int64_t tokens = projected.dim(0);
  const int64_t inner = dims_.inner();
  const TensorView z = projected.columns(0, inner);
  const TensorView xbc = projected.columns(inner, dims_.channels());
  const TensorView dt = projected.columns(inner + dims_.channels(), dims_.heads);
  const TensorView convolved = ctx.workspace.take(dims_.activation, {tokens, dims_.channels()});
  ops::causal_conv(ctx, {.xbc = xbc,
                         .weight = conv_weight_,
                         .bias = conv_bias_,
                         .out = convolved,
                         .dims = dims_,
                         .state = state_of(batch),
                         .table = batch.table,
                         .tokens = batch.tokens});
  const TensorView y = ctx.workspace.take(dims_.activation, {tokens, inner});
  ops::ssm_scan(ctx, {.xbc = convolved,
                      .dt = dt,
                      .a = a_,
                      .d = d_,
                      .dt_bias = dt_bias_,
                      .dt_min = dt_min_,
                      .dt_max = dt_max_,
                      .y = y,
                      .dims = dims_,
                      .state = state_of(batch),
                      .table = batch.table,
                      .tokens = batch.tokens,
                      .rounding = rounding_});
  ops::gated_group_norm(ctx, {.y = y,
                              .z = z,
                              .weight = norm_,
                              .groups = dims_.groups,
                              .eps = eps_,
                              .out = y,
                              .tokens = batch.tokens});
  return y;
}

void Mamba2::forward(Context& ctx, const MixerInput& in) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t rows = dims_.inner() + dims_.channels() + dims_.heads;
  const TensorView projected = ctx.workspace.take(dims_.activation, {in.x.dim(0), rows});
  ops::linear(ctx, {.x = in.x, .weight = &in_proj_, .out = projected, .tokens = in.batch->tokens});
  const TensorView y = scan(ctx, *in.batch, projected);
  ops::linear(ctx, {.x = y, .weight = &out_proj_, .out = in.out, .tokens = in.batch->tokens});
}

}  // namespace

MambaDims mamba_dims(const ModelConfig& local, DType activation, int64_t drafts) {
  return {.heads = local.mamba.heads,
          .head_dim = local.mamba.head_dim,
          .groups = local.mamba.groups,
          .state = local.mamba.state,
          .ring = kRingFlushTokens + 1 + drafts,
          .window = local.mamba.conv_kernel - 1 + drafts,
          .activation = activation};
}

std::unique_ptr<Mixer> make_mamba2(ParameterReader& reader, const Mamba2Args& args) {
  return std::make_unique<Mamba2>(reader, args);
}

}  // namespace dak
