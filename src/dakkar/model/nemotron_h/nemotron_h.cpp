#include "dakkar/model/nemotron_h/nemotron_h.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/model/layers/attention.h"
#include "dakkar/model/layers/mamba2.h"
#include "dakkar/model/layers/mlp.h"
#include "dakkar/model/layers/moe.h"
#include "dakkar/model/measure.h"
#include "dakkar/model/nemotron_h/mtp_head.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

ModelTypes types_of(const ModelLoadArgs& args) {
  const bool exact = args.numerics == Numerics::kF32;
  const DType activation = exact ? DType::kF32 : args.config->dtype;
  return {.activation = activation,
          .residual = args.config->residual_in_fp32 ? DType::kF32 : activation,
          .kv = !exact && args.quant->fp8_kv_cache ? DType::kF8E4M3 : activation,
          .state = dtype_of(args.state),
          .drafts = 0};
}

class NemotronH final : public Model {
 public:
  NemotronH(ParameterReader& reader, const ModelTypes& types);

  const CacheSpec& cache_spec() const override { return spec_; }
  int64_t vocab() const override { return spec_.vocab; }
  bool has_mtp() const override { return mtp_.has_value(); }
  int64_t weight_bytes() const override { return weight_bytes_; }
  int64_t workspace_bytes(const StepLimits& limits) const override;
  ForwardOutput forward(Context& ctx, const StepBatch& batch, HiddenOutput hidden) const override;
  void draft(Context& ctx, const DraftBatch& batch) const override;

 private:
  void read_layers(ParameterReader& reader);
  /// Embeddings of `ids` [T, H] in `out`, whole on every rank.
  void embed(Context& ctx, const StepBatch& batch, const TensorView& ids,
             const TensorView& out) const;
  /// lm_head over the rows of `normed` that the batch names, gathered over ranks into `logits`.
  void project(Context& ctx, const StepBatch& batch, const TensorView& normed,
               const TensorView& logits) const;
  void run_layers(Context& ctx, const StepBatch& batch, const TensorView& normed) const;

  ModelTypes types_;
  CacheSpec spec_;
  int64_t hidden_;
  int64_t vocab_begin_;
  RankGrid grid_;
  int tp_;
  float eps_;
  TensorView embeddings_;
  std::vector<TensorView> norms_;  ///< each layer's, then norm_f
  std::vector<std::unique_ptr<Mixer>> mixers_;
  PackedWeight lm_head_;
  std::optional<MtpHead> mtp_;
  DeviceMemory memory_;
  int64_t weight_bytes_ = 0;
};

NemotronH::NemotronH(ParameterReader& reader, const ModelTypes& types)
    : types_(types),
      hidden_(reader.local().hidden),
      vocab_begin_(vocab_range(reader.args().config->vocab, reader.shard()).begin),
      grid_(reader.args().grid()),
      tp_(grid_.tp),
      eps_(reader.local().norm_eps),
      embeddings_(reader.matrix("backbone.embeddings")) {
  spec_.page_tokens = kChunkTokens;
  spec_.vocab = reader.args().config->vocab;
  read_layers(reader);
  norms_.push_back(reader.vector("backbone.norm_f.weight"));
  lm_head_ = reader.linear("lm_head");
  if (reader.local().mtp_depths > 0 && reader.args().weights->has_mtp()) {
    mtp_.emplace(reader, types_, spec_.page_bytes);
    const int64_t parts = kv_parts(reader.args().config->attention, reader.shard());
    for (const LayerKind kind : reader.local().mtp_layers) {
      spec_.page_bytes += kind == LayerKind::kAttention
                              ? attention_page_bytes(reader.local(), types_.kv, parts)
                              : 0;
    }
  }
  memory_ = reader.take_memory();
  weight_bytes_ = reader.weight_bytes();
}

void NemotronH::read_layers(ParameterReader& reader) {
  const ModelConfig& local = reader.local();
  MambaDims dims = mamba_dims(local, types_.activation, types_.drafts);
  dims.stored = types_.state;
  spec_.state_layer_bytes = mamba_state_layout(dims).bytes;
  const int64_t mamba_layers = local.count(LayerKind::kMamba);
  if (types_.state != DType::kF32 && mamba_layers > 0) {
    spec_.carry_layer_bytes = mamba_carry_layout(dims).bytes;
  }
  const ModelLoadArgs& args = reader.args();
  const Range heads = mamba_heads(args.config->mamba, shard_of(args.grid(), args.rank));
  for (size_t i = 0; i < local.layers.size(); ++i) {
    const std::string layer = fmt::format("backbone.layers.{}", i);
    const std::string prefix = layer + ".mixer";
    norms_.push_back(reader.vector(layer + ".norm.weight"));
    switch (local.layers[i]) {
      case LayerKind::kMamba:
        mixers_.push_back(make_mamba2(
            reader, {.prefix = prefix,
                     .dims = dims,
                     .ordinal = spec_.state_layers++,
                     .layers = mamba_layers,
                     .rounding = {.seed = args.rounding_seed, .first_head = heads.begin}}));
        break;
      case LayerKind::kAttention:
        mixers_.push_back(make_attention(reader, {.prefix = prefix,
                                                  .activation = types_.activation,
                                                  .kv_dtype = types_.kv,
                                                  .page_offset = spec_.page_bytes}));
        spec_.page_bytes += attention_page_bytes(
            local, types_.kv, kv_parts(reader.args().config->attention, reader.shard()));
        break;
      case LayerKind::kMlp:
        mixers_.push_back(std::make_unique<Mlp>(reader, prefix, types_.activation));
        break;
      case LayerKind::kMoe:
        mixers_.push_back(make_moe(reader, prefix, types_.activation));
        break;
    }
  }
}

int64_t NemotronH::workspace_bytes(const StepLimits& limits) const {
  MeasuringContext measuring(grid_);
  const StepBatch batch = measuring.batch(limits);
  const ForwardOutput out = forward(measuring.context(), batch, HiddenOutput::kYes);
  if (mtp_) {
    draft(measuring.context(),
          {.step = &batch, .next_ids = batch.ids, .hidden = out.hidden, .logits = out.logits});
  }
  return measuring.peak_bytes();
}

void NemotronH::embed(Context& ctx, const StepBatch& batch, const TensorView& ids,
                      const TensorView& out) const {
  Workspace::Scope scope(ctx.workspace);
  const TensorView rows =
      tp_ == 1 ? out : ctx.workspace.take(DType::kF32, {out.dim(0), out.dim(1)});
  ops::embed(ctx, {.ids = ids,
                   .table = embeddings_,
                   .row_begin = vocab_begin_,
                   .out = rows,
                   .tokens = batch.tokens});
  if (tp_ > 1) {
    sum_over_ranks(ctx, rows);
    ops::convert(ctx, {.x = rows, .out = out, .tokens = batch.tokens});
  }
}

void NemotronH::run_layers(Context& ctx, const StepBatch& batch, const TensorView& normed) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t tokens = normed.dim(0);
  const TensorView residual = ctx.workspace.take(types_.residual, {tokens, hidden_});
  const TensorView delta = ctx.workspace.take(DType::kF32, {tokens, hidden_});
  embed(ctx, batch, batch.ids, residual);
  ops::rms_norm(ctx, {.x = residual,
                      .weight = norms_.front(),
                      .eps = eps_,
                      .out = normed,
                      .tokens = batch.tokens});
  for (size_t i = 0; i < mixers_.size(); ++i) {
    mixers_[i]->forward(ctx, {.batch = &batch, .x = normed, .out = delta});
    sum_over_ranks(ctx, delta);
    ops::add_rms_norm(ctx, {.residual = residual,
                            .delta = delta,
                            .weight = norms_[i + 1],
                            .eps = eps_,
                            .out = normed,
                            .tokens = batch.tokens});
  }
}

void NemotronH::project(Context& ctx, const StepBatch& batch, const TensorView& normed,
                        const TensorView& logits) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t rows = logits.dim(0);
  const TensorView last = ctx.workspace.take(types_.activation, {rows, hidden_});
  ops::gather_rows(
      ctx, {.x = normed, .rows = batch.logit_rows, .out = last, .count = batch.logit_count});
  if (tp_ == 1) {
    ops::linear(ctx, {.x = last, .weight = &lm_head_, .out = logits, .tokens = batch.logit_count});
    return;
  }
  const int64_t width = (spec_.vocab + tp_ - 1) / tp_;
  const TensorView mine = ctx.workspace.take(DType::kF32, {rows, width});
  const TensorView all = ctx.workspace.take(DType::kF32, {tp_, rows, width});
  ops::linear(ctx, {.x = last,
                    .weight = &lm_head_,
                    .out = mine.columns(0, lm_head_.n),
                    .tokens = batch.logit_count});
  ctx.comm.all_gather(ctx.stream, mine, all);
  ops::join_columns(ctx, {.parts = all, .out = logits, .count = batch.logit_count});
}

ForwardOutput NemotronH::forward(Context& ctx, const StepBatch& batch, HiddenOutput hidden) const {
  const int64_t rows = batch.logit_rows.dim(0);
  const ForwardOutput out = {
      .logits = ctx.workspace.take(DType::kF32, {rows, spec_.vocab}),
      .hidden = ctx.workspace.take(types_.activation, {batch.ids.dim(0), hidden_})};
  ops::begin_step(ctx, {.table = batch.table, .ids = batch.ids, .tokens = batch.tokens});
  run_layers(ctx, batch, out.hidden);
  project(ctx, batch, out.hidden, out.logits);
  ops::advance(ctx, {.table = batch.table, .ids = batch.ids, .tokens = batch.tokens});
  return {.logits = out.logits, .hidden = hidden == HiddenOutput::kYes ? out.hidden : TensorView()};
}

void NemotronH::draft(Context& ctx, const DraftBatch& batch) const {
  check(mtp_.has_value(), "draft() is called only on models with an MTP head");
  Workspace::Scope scope(ctx.workspace);
  const TensorView embeddings =
      ctx.workspace.take(types_.activation, {batch.next_ids.dim(0), hidden_});
  embed(ctx, *batch.step, batch.next_ids, embeddings);
  const TensorView normed = mtp_->forward(ctx, batch, embeddings);
  project(ctx, *batch.step, normed, batch.logits);
}

}  // namespace

Result<std::unique_ptr<Model>> load_nemotron_h(const ModelLoadArgs& args) {
  Result<ParameterReader> reader = ParameterReader::open(args);
  if (!reader) {
    return fail(reader.error());
  }
  auto model = std::make_unique<NemotronH>(*reader, types_of(args));
  if (Status read = reader->status(); !read) {
    return fail(read.error());
  }
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace dak
