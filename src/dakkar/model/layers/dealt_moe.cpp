#include "dakkar/model/layers/dealt_moe.h"

#include <algorithm>

#include "dakkar/device/ops_dispatch.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/model/layers/expert_weights.h"
#include "dakkar/model/layers/router.h"

namespace dak {
namespace {

class DealtMoe final : public Mixer {
 public:
  DealtMoe(ParameterReader& reader, const std::string& prefix, DType activation);
  void forward(Context& ctx, const MixerInput& in) const override;

 private:
  /// Rows of the step that this rank of the group works on: at least one in views, perhaps none.
  struct Share {
    int64_t begin = 0;
    int64_t rows = 0;
    int64_t each = 0;  ///< rows of the largest share
    DeviceCount tokens;
  };
  /// Where choices go and what comes.
  struct Exchange {
    TensorView token;
    TensorView expert;
    TensorView place;
    TensorView sent_rows;
    DeviceCount sent;
    TensorView received_rows;
    DeviceCount received;
  };

  Share share_of(Context& ctx, const MixerInput& in) const;
  Exchange plan_exchange(Context& ctx, const MixerInput& in, const Share& share,
                         const TensorView& chosen) const;
  /// Weighted sums of the chosen experts' outputs for the share, written to the rows of `out`.
  void run_share(Context& ctx, const MixerInput& in, const Share& share,
                 const TensorView& out) const;
  /// This rank's experts on the rows that came, f32 [M, Z].
  TensorView run_experts(Context& ctx, const Exchange& exchange, const TensorView& x) const;
  /// The group's sums of all tokens, [T, Z].
  TensorView gather(Context& ctx, const MixerInput& in, const Share& share) const;

  MoeConfig config_;
  DType sum_;          ///< of an expert sum: what fc2 reads, or f32
  Range latent_;       ///< columns of fc2 that this rank holds
  float part_ = 1.0F;  ///< of the sum that one rank contributes where all hold the whole
  int64_t ranks_;
  Router router_;
  ExpertWeights experts_;
};

DealtMoe::DealtMoe(ParameterReader& reader, const std::string& prefix, DType activation)
    : config_(reader.local().moe),
      sum_(config_.latent > 0 ? activation : DType::kF32),
      latent_(inner_range(config_.latent, reader.shard())),
      part_(config_.latent > 0 ? 1.0F : 1.0F / static_cast<float>(reader.shard().tp)),
      ranks_(reader.shard().ep),
      router_(reader, prefix),
      experts_(reader, prefix, activation) {}

DealtMoe::Share DealtMoe::share_of(Context& ctx, const MixerInput& in) const {
  const int64_t tokens = in.x.dim(0);
  Share share;
  share.each = (tokens + ctx.comm.size() - 1) / ctx.comm.size();
  const int64_t begin = share.each * ctx.comm.rank();
  share.begin = std::min(begin, tokens - 1);
  share.rows = std::min(share.each, tokens - share.begin);
  const TensorView count = ctx.workspace.take(DType::kI32, {1});
  ops::share_rows(ctx,
                  {.tokens = in.batch->tokens, .begin = begin, .rows = share.rows, .count = count});
  share.tokens = {.bound = share.rows, .value = count.as<int32_t>()};
  return share;
}

DealtMoe::Exchange DealtMoe::plan_exchange(Context& ctx, const MixerInput& in, const Share& share,
                                           const TensorView& chosen) const {
  const int64_t choices = share.rows * config_.chosen;
  const auto ints = [&](int64_t count) { return ctx.workspace.take(DType::kI32, {count}); };
  Exchange exchange = {.token = ints(choices),
                       .expert = ints(choices),
                       .place = ints(choices),
                       .sent_rows = ints(ranks_),
                       .sent = {},
                       .received_rows = ints(ranks_),
                       .received = {}};
  const TensorView sent = ints(1);
  exchange.sent = {.bound = choices, .value = sent.as<int32_t>()};
  ops::deal_choices(ctx, {.chosen = chosen,
                          .experts = config_.experts,
                          .sent_rows = exchange.sent_rows,
                          .token = exchange.token,
                          .expert = exchange.expert,
                          .place = exchange.place,
                          .count = sent,
                          .tokens = share.tokens});
  const TensorView all = ctx.workspace.take(DType::kI32, {ranks_, ranks_});
  ctx.world->all_gather(ctx.stream, exchange.sent_rows, all);
  const TensorView received = ints(1);
  ops::count_arrivals(ctx, {.sent_rows = all,
                            .rank = ctx.world->rank(),
                            .rows = exchange.received_rows,
                            .count = received});
  // A token's choices are different experts: no more of them than are here can come.
  const int64_t held = std::min(config_.chosen, std::max<int64_t>(1, std::ssize(experts_.up)));
  exchange.received = {.bound = held * in.batch->grid_tokens, .value = received.as<int32_t>()};
  return exchange;
}

TensorView DealtMoe::run_experts(Context& ctx, const Exchange& exchange,
                                 const TensorView& x) const {
  const int64_t rows = exchange.received.bound;
  const TensorView out = ctx.workspace.take(DType::kF32, {rows, experts_.width});
  Workspace::Scope scope(ctx.workspace);
  const TensorView chosen = ctx.workspace.take(DType::kI32, {rows, 1});
  ctx.world->all_to_all_v(ctx.stream,
                          {.send = exchange.expert.reshaped({exchange.expert.dim(0), 1}),
                           .send_rows = exchange.sent_rows.as<int32_t>(),
                           .receive = chosen,
                           .receive_rows = exchange.received_rows.as<int32_t>()});
  const TensorView here = ctx.workspace.take(x.dtype, {rows, experts_.width});
  ctx.world->all_to_all_v(ctx.stream, {.send = x,
                                       .send_rows = exchange.sent_rows.as<int32_t>(),
                                       .receive = here,
                                       .receive_rows = exchange.received_rows.as<int32_t>()});
  experts_.run(ctx, {.x = here, .chosen = chosen, .tokens = exchange.received}, out);
  return out;
}

void DealtMoe::run_share(Context& ctx, const MixerInput& in, const Share& share,
                         const TensorView& out) const {
  Workspace::Scope scope(ctx.workspace);
  const TensorView x = in.x.rows(share.begin, share.rows);
  const Router::Choices choices =
      router_.route(ctx, {.x = x, .tokens = share.tokens, .share = part_});
  TensorView source = x;
  if (experts_.fc1) {
    source = ctx.workspace.take(experts_.activation, {share.rows, experts_.width});
    ops::linear(ctx, {.x = x, .weight = &*experts_.fc1, .out = source, .tokens = share.tokens});
  }
  const Exchange exchange = plan_exchange(ctx, in, share, choices.chosen);
  const int64_t rows = exchange.sent.bound;
  const TensorView sent = ctx.workspace.take(source.dtype, {rows, experts_.width});
  ops::gather_rows(ctx, {.x = source, .rows = exchange.token, .out = sent, .count = exchange.sent});
  const TensorView done = run_experts(ctx, exchange, sent);
  const TensorView back = ctx.workspace.take(DType::kF32, {rows, experts_.width});
  ctx.world->all_to_all_v(ctx.stream, {.send = done,
                                       .send_rows = exchange.received_rows.as<int32_t>(),
                                       .receive = back,
                                       .receive_rows = exchange.sent_rows.as<int32_t>()});
  const TensorView each = ctx.workspace.take(DType::kF32, {rows, experts_.width});
  ops::gather_rows(ctx, {.x = back, .rows = exchange.place, .out = each, .count = exchange.sent});
  ops::combine_experts(ctx,
                       {.x = each, .weights = choices.weights, .out = out, .tokens = share.tokens});
}

TensorView DealtMoe::gather(Context& ctx, const MixerInput& in, const Share& share) const {
  const int64_t ranks = ctx.comm.size();
  const TensorView all = ctx.workspace.take(sum_, {ranks, share.each, experts_.width});
  Workspace::Scope scope(ctx.workspace);
  const TensorView mine = ranks == 1 ? all.reshaped({share.each, experts_.width})
                                     : ctx.workspace.take(sum_, {share.each, experts_.width});
  run_share(ctx, in, share, mine.rows(0, share.rows));
  if (ranks > 1) {
    ctx.comm.all_gather(ctx.stream, mine, all);
  }
  return all.reshaped({ranks * share.each, experts_.width}).rows(0, in.x.dim(0));
}

void DealtMoe::forward(Context& ctx, const MixerInput& in) const {
  check(ctx.world != nullptr, "experts are dealt over the ranks of a grid");
  Workspace::Scope scope(ctx.workspace);
  const TensorView routed = gather(ctx, in, share_of(ctx, in));
  if (experts_.fc2) {
    // By linearity each rank applies its columns; the group's sum is the whole.
    ops::linear(ctx, {.x = routed.columns(latent_.begin, latent_.size()),
                      .weight = &*experts_.fc2,
                      .out = in.out,
                      .tokens = in.batch->tokens});
  } else {
    ctx.stream.copy(in.out.data, routed.data, in.out.bytes());
  }
  if (experts_.shared) {
    experts_.shared->add(ctx, in);
  }
}

}  // namespace

std::unique_ptr<Mixer> make_dealt_moe(ParameterReader& reader, const std::string& prefix,
                                      DType activation) {
  return std::make_unique<DealtMoe>(reader, prefix, activation);
}

}  // namespace dak
