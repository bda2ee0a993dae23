#include "dakkar/model/layers/attention.h"

#include <cmath>

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/ops_linear.h"

namespace dak {
namespace {

class Attention final : public Mixer {
 public:
  Attention(ParameterReader& reader, const AttentionLayerArgs& args);
  void forward(Context& ctx, const MixerInput& in) const override;

 private:
  PagedKv pages_of(const StepBatch& batch) const;
  TensorView project(Context& ctx, const MixerInput& in, const PackedWeight& weight) const;

  AttentionConfig config_;
  AttentionLayerArgs args_;
  float k_scale_ = 1.0F;
  float v_scale_ = 1.0F;
  PackedWeight q_;
  PackedWeight k_;
  PackedWeight v_;
  PackedWeight o_;
};

Attention::Attention(ParameterReader& reader, const AttentionLayerArgs& args)
    : config_(reader.local().attention),
      args_(args),
      q_(reader.linear(args.prefix + ".q_proj")),
      k_(reader.linear(args.prefix + ".k_proj")),
      v_(reader.linear(args.prefix + ".v_proj")),
      o_(reader.linear(args.prefix + ".o_proj")) {
  if (args.kv_dtype == DType::kF8E4M3) {
    k_scale_ = reader.kv_scale(args.prefix + ".k_proj");
    v_scale_ = reader.kv_scale(args.prefix + ".v_proj");
  }
}

PagedKv Attention::pages_of(const StepBatch& batch) const {
  return {.arena = batch.arena,
          .page_table = batch.page_table,
          .max_pages = batch.max_pages,
          .layer_offset = args_.page_offset,
          .dtype = args_.kv_dtype,
          .k_scale = k_scale_,
          .v_scale = v_scale_};
}

TensorView Attention::project(Context& ctx, const MixerInput& in,
                              const PackedWeight& weight) const {
  const int64_t tokens = in.x.dim(0);
  const TensorView out = ctx.workspace.take(args_.activation, {tokens, weight.n});
  ops::linear(ctx, {.x = in.x, .weight = &weight, .out = out, .tokens = in.batch->tokens});
  return out.reshaped({tokens, weight.n / config_.head_dim, config_.head_dim});
}

void Attention::forward(Context& ctx, const MixerInput& in) const {
  Workspace::Scope scope(ctx.workspace);
  const StepBatch& batch = *in.batch;
  const int64_t tokens = in.x.dim(0);
  const TensorView q = project(ctx, in, q_);
  const TensorView k = project(ctx, in, k_);
  const TensorView v = project(ctx, in, v_);
  const PagedKv kv = pages_of(batch);
  ops::kv_write(ctx, {.k = k, .v = v, .kv = kv, .table = batch.table, .tokens = batch.tokens});
  const TensorView mixed = ctx.workspace.take(args_.activation, {tokens, config_.query_width()});
  const TensorView lse = ctx.workspace.take(DType::kF32, {tokens, config_.query_heads});
  ops::attention(ctx, {.q = q,
                       .kv = kv,
                       .kv_heads = config_.kv_heads,
                       .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
                       .out = mixed.reshaped({tokens, config_.query_heads, config_.head_dim}),
                       .lse = lse,
                       .table = batch.table,
                       .tokens = batch.tokens});
  ops::linear(ctx, {.x = mixed, .weight = &o_, .out = in.out, .tokens = batch.tokens});
}

}  // namespace

int64_t attention_page_bytes(const ModelConfig& local, DType kv_dtype) {
  return 2 * kChunkTokens * local.attention.kv_width() * size_of(kv_dtype);
}

std::unique_ptr<Mixer> make_attention(ParameterReader& reader, const AttentionLayerArgs& args) {
  return std::make_unique<Attention>(reader, args);
}

}  // namespace dak
