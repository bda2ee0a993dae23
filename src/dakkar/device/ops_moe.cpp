#include "dakkar/device/ops_moe.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {

void route(Context& ctx, const RouteArgs& args) {
  Dims dims("route");
  dims.bind("T H", args.x).bind("E H", args.gate).bind("E", args.bias);
  dims.bind("T k", args.chosen).bind("T k", args.weights);
  require_float(args.x, "route: x is a float tensor");
  require_float(args.gate, "route: gate is a float tensor");
  require_dtype(args.bias, DType::kF32, "route: bias is f32");
  require_dtype(args.chosen, DType::kI32, "route: chosen is i32");
  require_dtype(args.weights, DType::kF32, "route: weights are f32");
  check(args.n_group > 0 && dims["E"] % args.n_group == 0, "route: groups divide the experts");
  check(args.topk_group > 0 && args.topk_group <= args.n_group, "route: topk_group is in range");
  check(dims["k"] <= dims["E"] / args.n_group * args.topk_group, "route: k experts can be chosen");
  require_count(args.tokens, dims["T"], "route: tokens exceed T");
  ctx.kernels.route(ctx.stream, args);
}

void expert_linear(Context& ctx, const ExpertLinearArgs& args) {
  Dims dims("expert_linear");
  dims.bind("T k", args.chosen);
  const int64_t choices = dims["T"] * dims["k"];
  dims.set("rows", args.input == ExpertInput::kPerToken ? dims["T"] : choices);
  dims.set("T*k", choices).bind("rows K", args.x).bind("T*k N", args.out);
  for (const PackedWeight& expert : args.experts) {
    check((expert.n == 0 || expert.n == dims["N"]) && (expert.k == 0 || expert.k == dims["K"]),
          "expert_linear: experts agree on their shape");
  }
  require_float(args.x, "expert_linear: x is a float tensor");
  require_dtype(args.chosen, DType::kI32, "expert_linear: chosen is i32");
  require_float(args.out, "expert_linear: out is a float tensor");
  require_count(args.tokens, dims["T"], "expert_linear: tokens exceed T");
  ctx.kernels.expert_linear(ctx.stream, args);
}

void combine_experts(Context& ctx, const CombineExpertsArgs& args) {
  Dims dims("combine_experts");
  dims.bind("T k", args.weights);
  dims.set("T*k", dims["T"] * dims["k"]).bind("T*k Z", args.x).bind("T Z", args.out);
  require_dtype(args.x, DType::kF32, "combine_experts: x is f32");
  require_dtype(args.weights, DType::kF32, "combine_experts: weights are f32");
  require_float(args.out, "combine_experts: out is a float tensor");
  require_count(args.tokens, dims["T"], "combine_experts: tokens exceed T");
  ctx.kernels.combine_experts(ctx.stream, args);
}

}  // namespace dak::ops
