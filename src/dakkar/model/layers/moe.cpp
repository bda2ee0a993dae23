#include "dakkar/model/layers/moe.h"

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/model/layers/dealt_moe.h"
#include "dakkar/model/layers/expert_weights.h"
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

  int64_t choices_;  ///< k
  Router router_;
  ExpertWeights experts_;
};

Moe::Moe(ParameterReader& reader, const std::string& prefix, DType activation)
    : choices_(reader.local().moe.chosen),
      router_(reader, prefix),
      experts_(reader, prefix, activation) {}

void Moe::run_experts(Context& ctx, const MixerInput& in, const TensorView& x,
                      const TensorView& out) const {
  Workspace::Scope scope(ctx.workspace);
  const DeviceCount tokens = in.batch->tokens;
  const Router::Choices routing = router_.route(ctx, {.x = in.x, .tokens = tokens});
  const TensorView each = ctx.workspace.take(DType::kF32, {x.dim(0) * choices_, experts_.width});
  experts_.run(ctx, {.x = x, .chosen = routing.chosen, .tokens = tokens}, each);
  ops::combine_experts(ctx, {.x = each, .weights = routing.weights, .out = out, .tokens = tokens});
}

void Moe::forward(Context& ctx, const MixerInput& in) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t rows = in.x.dim(0);
  const DeviceCount tokens = in.batch->tokens;
  if (experts_.fc1) {
    const TensorView latent = ctx.workspace.take(experts_.activation, {rows, experts_.width});
    ops::linear(ctx, {.x = in.x, .weight = &*experts_.fc1, .out = latent, .tokens = tokens});
    const TensorView routed = ctx.workspace.take(experts_.activation, {rows, experts_.width});
    run_experts(ctx, in, latent, routed);
    ops::linear(ctx, {.x = routed, .weight = &*experts_.fc2, .out = in.out, .tokens = tokens});
  } else {
    run_experts(ctx, in, in.x, in.out);
  }
  if (experts_.shared) {
    experts_.shared->add(ctx, in);
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
