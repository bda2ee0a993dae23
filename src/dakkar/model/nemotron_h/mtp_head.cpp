#include "dakkar/model/nemotron_h/mtp_head.h"

#include <fmt/core.h>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/model/layers/attention.h"
#include "dakkar/model/layers/mlp.h"
#include "dakkar/model/layers/moe.h"

namespace dak {

void sum_over_ranks(Context& ctx, const TensorView& partial) {
  if (ctx.comm.size() > 1) {
    ctx.comm.all_reduce(ctx.stream, partial);
  }
}

MtpHead::MtpHead(ParameterReader& reader, const ModelTypes& types, int64_t page_offset)
    : types_(types),
      eps_(reader.local().norm_eps),
      enorm_(reader.vector("mtp.layers.0.enorm.weight")),
      hnorm_(reader.vector("mtp.layers.0.hnorm.weight")),
      eh_proj_(reader.linear("mtp.layers.0.eh_proj")) {
  const std::vector<LayerKind>& layers = reader.local().mtp_layers;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string prefix = fmt::format("mtp.layers.{}", i);
    norms_.push_back(reader.vector(prefix + ".norm.weight"));
    switch (layers[i]) {
      case LayerKind::kAttention:
        mixers_.push_back(make_attention(reader, {.prefix = prefix + ".mixer",
                                                  .activation = types.activation,
                                                  .kv_dtype = types.kv,
                                                  .page_offset = page_offset}));
        page_offset += attention_page_bytes(
            reader.local(), types.kv, kv_parts(reader.args().config->attention, reader.shard()));
        break;
      case LayerKind::kMoe:
        mixers_.push_back(make_moe(reader, prefix + ".mixer", types.activation));
        break;
      case LayerKind::kMlp:
        mixers_.push_back(std::make_unique<Mlp>(reader, prefix + ".mixer", types.activation));
        break;
      case LayerKind::kMamba:
        reader.fail_with(
            Error{ErrorCode::kUnsupportedModel, "an MTP head with Mamba layers is not supported"});
        break;
    }
  }
  final_norm_ =
      reader.vector(fmt::format("mtp.layers.{}.final_layernorm.weight", layers.size() - 1));
}

TensorView MtpHead::fuse(Context& ctx, const DraftBatch& batch,
                         const TensorView& embeddings) const {
  const int64_t tokens = embeddings.dim(0);
  const int64_t hidden = embeddings.dim(1);
  const DeviceCount count = batch.step->tokens;
  const TensorView residual = ctx.workspace.take(types_.residual, {tokens, hidden});
  Workspace::Scope scope(ctx.workspace);
  const TensorView left = ctx.workspace.take(types_.activation, {tokens, hidden});
  const TensorView right = ctx.workspace.take(types_.activation, {tokens, hidden});
  const TensorView both = ctx.workspace.take(types_.activation, {tokens, 2 * hidden});
  ops::rms_norm(ctx,
                {.x = embeddings, .weight = enorm_, .eps = eps_, .out = left, .tokens = count});
  ops::rms_norm(ctx,
                {.x = batch.hidden, .weight = hnorm_, .eps = eps_, .out = right, .tokens = count});
  ops::concat_columns(ctx, {.left = left, .right = right, .out = both, .tokens = count});
  ops::linear(ctx, {.x = both, .weight = &eh_proj_, .out = residual, .tokens = count});
  return residual;
}

TensorView MtpHead::forward(Context& ctx, const DraftBatch& batch,
                            const TensorView& embeddings) const {
  const int64_t tokens = embeddings.dim(0);
  const int64_t hidden = embeddings.dim(1);
  const DeviceCount count = batch.step->tokens;
  const TensorView normed = ctx.workspace.take(types_.activation, {tokens, hidden});
  const TensorView residual = fuse(ctx, batch, embeddings);
  const TensorView delta = ctx.workspace.take(DType::kF32, {tokens, hidden});
  ops::rms_norm(
      ctx, {.x = residual, .weight = norms_.front(), .eps = eps_, .out = normed, .tokens = count});
  for (size_t i = 0; i < mixers_.size(); ++i) {
    mixers_[i]->forward(ctx, {.batch = batch.step, .x = normed, .out = delta});
    sum_over_ranks(ctx, delta);
    ops::add_rms_norm(ctx, {.residual = residual,
                            .delta = delta,
                            .weight = i + 1 < norms_.size() ? norms_[i + 1] : final_norm_,
                            .eps = eps_,
                            .out = normed,
                            .tokens = count});
  }
  return normed;
}

}  // namespace dak
