#include "dakkar/model/layers/attention.h"

#include <cmath>

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/ops_layout.h"
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
  /// The rank's query heads over all keys, [T, Hq D].
  TensorView attend(Context& ctx, const MixerInput& in, const TensorView& q) const;
  /// The same where this rank holds a part of the keys.
  TensorView attend_parts(Context& ctx, const MixerInput& in, const TensorView& q) const;
  AttentionArgs attention_args(const StepBatch& batch, const TensorView& q) const;

  AttentionConfig config_;
  AttentionLayerArgs args_;
  int64_t parts_ = 1;
  int64_t part_ = 0;
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
      parts_(kv_parts(reader.args().config->attention, reader.shard())),
      part_(reader.shard().rank % parts_),
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
          .v_scale = v_scale_,
          .parts = parts_,
          .part = part_};
}

TensorView Attention::project(Context& ctx, const MixerInput& in,
                              const PackedWeight& weight) const {
  const int64_t tokens = in.x.dim(0);
  const TensorView out = ctx.workspace.take(args_.activation, {tokens, weight.n});
  ops::linear(ctx, {.x = in.x, .weight = &weight, .out = out, .tokens = in.batch->tokens});
  return out.reshaped({tokens, weight.n / config_.head_dim, config_.head_dim});
}

AttentionArgs Attention::attention_args(const StepBatch& batch, const TensorView& q) const {
  return {.q = q,
          .kv = pages_of(batch),
          .kv_heads = config_.kv_heads,
          .scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim)),
          .out = {},
          .lse = {},
          .table = batch.table,
          .tokens = batch.tokens};
}

TensorView Attention::attend(Context& ctx, const MixerInput& in, const TensorView& q) const {
  const TensorView mixed = ctx.workspace.take(args_.activation, {q.dim(0), config_.query_width()});
  AttentionArgs args = attention_args(*in.batch, q);
  args.out = mixed.reshaped({q.dim(0), q.dim(1), q.dim(2)});
  args.lse = ctx.workspace.take(DType::kF32, {q.dim(0), q.dim(1)});
  ops::attention(ctx, args);
  return mixed;
}

TensorView Attention::attend_parts(Context& ctx, const MixerInput& in, const TensorView& q) const {
  check(ctx.kv != nullptr, "ranks that share a KV head have a group");
  const int64_t tokens = q.dim(0);
  const int64_t heads = parts_ * config_.query_heads;
  const int64_t width = config_.query_width();
  const DeviceCount count = in.batch->tokens;
  const TensorView mixed = ctx.workspace.take(args_.activation, {tokens, width});
  Workspace::Scope scope(ctx.workspace);
  const TensorView gathered = ctx.workspace.take(args_.activation, {parts_, tokens, width});
  ctx.kv->all_gather(ctx.stream, q, gathered);
  const TensorView queries = ctx.workspace.take(args_.activation, {tokens, parts_ * width});
  ops::join_columns(ctx, {.parts = gathered, .out = queries, .count = count});
  AttentionArgs args =
      attention_args(*in.batch, queries.reshaped({tokens, heads, config_.head_dim}));
  args.out = ctx.workspace.take(DType::kF32, {tokens, heads, config_.head_dim});
  args.lse = ctx.workspace.take(DType::kF32, {tokens, heads});
  ops::attention(ctx, args);
  const TensorView lse = ctx.workspace.take(DType::kF32, {parts_, tokens, heads});
  ctx.kv->all_gather(ctx.stream, args.lse, lse);
  const TensorView weighed =
      ctx.workspace.take(DType::kF32, {parts_, tokens, config_.query_heads, config_.head_dim});
  ops::weigh_part(ctx, {.x = args.out, .lse = lse, .part = part_, .out = weighed, .tokens = count});
  const TensorView sum =
      args_.activation == DType::kF32 ? mixed : ctx.workspace.take(DType::kF32, {tokens, width});
  ctx.kv->reduce_scatter(ctx.stream, weighed, sum);
  if (args_.activation != DType::kF32) {
    ops::convert(ctx, {.x = sum, .out = mixed, .tokens = count});
  }
  return mixed;
}

void Attention::forward(Context& ctx, const MixerInput& in) const {
  Workspace::Scope scope(ctx.workspace);
  const StepBatch& batch = *in.batch;
  const TensorView q = project(ctx, in, q_);
  const TensorView k = project(ctx, in, k_);
  const TensorView v = project(ctx, in, v_);
  ops::kv_write(
      ctx, {.k = k, .v = v, .kv = pages_of(batch), .table = batch.table, .tokens = batch.tokens});
  const TensorView mixed = parts_ == 1 ? attend(ctx, in, q) : attend_parts(ctx, in, q);
  ops::linear(ctx, {.x = mixed, .weight = &o_, .out = in.out, .tokens = batch.tokens});
}

}  // namespace

int64_t attention_page_bytes(const ModelConfig& local, DType kv_dtype, int64_t parts) {
  constexpr int64_t kAlignment = 256;
  const int64_t bytes = 2 * kChunkTokens / parts * local.attention.kv_width() * size_of(kv_dtype);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::unique_ptr<Mixer> make_attention(ParameterReader& reader, const AttentionLayerArgs& args) {
  return std::make_unique<Attention>(reader, args);
}

}  // namespace dak
